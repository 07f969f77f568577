"""privacyIDEA with tokens by SMS, and a gateway that is a file.

Run as a program it makes keys, tables, an administrator and tokens; gunicorn serves `application`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from privacyidea.app import create_app
from privacyidea.lib.smsprovider.SMSProvider import ISMSProvider

TOKENS = 64
CONFIG = Path(os.environ["PRIVACYIDEA_CONFIGFILE"])
outbox = open(os.environ["OUTBOX"], "a", buffering=1)  # noqa: SIM115 (until the process ends)


class Outbox(ISMSProvider):
    """Messages as lines of a file."""

    def submit_message(self, phone, message):
        """Append one."""
        outbox.write(json.dumps({"to": phone, "msg": message}) + "\n")
        return True


def make():
    """Return the application."""
    return create_app(config_name="production", config_file=str(CONFIG), silent=True)


def prepare():
    """Set all of it up."""
    folder, manage = CONFIG.parent, Path(sys.executable).with_name("pi-manage")
    settings = {
        "SQLALCHEMY_DATABASE_URI": f"postgresql+psycopg:///{os.environ['PGDATABASE']}",
        "SECRET_KEY": os.urandom(24).hex(),
        "PI_PEPPER": os.urandom(24).hex(),
        "PI_ENCFILE": str(folder / "enckey"),
        "PI_AUDIT_KEY_PRIVATE": str(folder / "private.pem"),
        "PI_AUDIT_KEY_PUBLIC": str(folder / "public.pem"),
        "PI_LOGFILE": str(folder / "privacyidea.log"),
    }
    CONFIG.write_text("".join(f"{name} = {value!r}\n" for name, value in settings.items()))
    administrator = ["admin", "add", os.environ["ADMIN"], "-p", os.environ["PASSWORD"]]
    setup = [["setup", what] for what in ("create_enckey", "create_audit_keys", "create_tables")]
    for line in [*setup, administrator]:
        subprocess.run([manage, *line], check=True)
    from privacyidea.lib.config import set_privacyidea_config
    from privacyidea.lib.smsprovider.SMSProvider import set_smsgateway
    from privacyidea.lib.token import init_token

    with make().app_context():
        set_smsgateway("outbox", "privacyidea_server.Outbox")
        set_privacyidea_config("sms.identifier", "outbox")
        for number in range(TOKENS):
            init_token(
                {"type": "sms", "serial": f"T{number}", "phone": f"6011{number}", "genkey": 1}
            )


if __name__ == "__main__":
    prepare()
else:
    application = make()
