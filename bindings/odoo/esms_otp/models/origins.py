"""The origins whose pages may read the answers of the routes: a setting of the database."""

import re

from odoo import SUPERUSER_ID

PARAMETER = "esms_otp.allowed_origins"
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?|[a-z][a-z0-9.+-]*://localhost")


def read(text: str) -> list[str]:
    """Return the origins of a text, in which white space parts them; ValueError names a bad one."""
    found = text.split()
    for origin in found:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(
                f"{origin} is no origin; write such as https://app.example.com, without a path"
            )
    return found


def allowed(env) -> list[str]:
    """Return the origins that are set; what is none of them is left out."""
    parameters = env["ir.config_parameter"].with_user(SUPERUSER_ID)  # a preflight has no user
    text = parameters.get_param(PARAMETER) or ""
    return [origin for origin in text.split() if _ORIGIN.fullmatch(origin)]
