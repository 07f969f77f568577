"""Odoo's own channels as gateways: its outgoing mail server, and its SMS provider.

A message goes out at once, from the thread that holds it, and neither `mail.mail` nor `sms.sms`
keeps it: whoever reads the database finds no code. That thread borrows a database connection, since
Odoo reads there how to reach server or provider; the request has none meanwhile.
"""

import secrets
import smtplib
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from otp_engine.esms.gateway import SendResult, Timeout

from odoo import SUPERUSER_ID, api
from odoo.exceptions import UserError
from odoo.modules.registry import Registry

#: What Odoo's SMS providers answer, by the numbers that eSMS has for it. Others are "sms".
_SMS_STATES = {
    "success": "0",
    "processing": "0",
    "unregistered": "3",
    "country_not_supported": "4",
    "insufficient_credit": "5",
    "server_error": "6",
    "wrong_number_format": "9",
}


class MailGateway:
    """Sends by the instance's outgoing mail server for this sender."""

    def __init__(self, registry: Registry, sender: str, subject: str) -> None:
        self._registry, self._sender, self._subject = registry, sender, subject

    def send(self, to: str, text: str, reference: str = "") -> SendResult:
        """Send a text to an address; no receipt is awaited."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, to, self._subject
        message["Date"], message["Message-Id"] = formatdate(), make_msgid("otp")
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        try:
            session, sender, receivers, message = self._connected(message)
        except (UserError, AssertionError, OSError) as error:  # smtplib's are of OSError
            return SendResult(False, "conn", meaning=f"no session with a mail server: {error}")
        refused = None
        try:
            session.send_message(message, sender, receivers)
        except smtplib.SMTPRecipientsRefused as error:
            refused = next(iter(error.recipients.values()))[0]
        except smtplib.SMTPResponseException as error:
            refused = error.smtp_code
        except OSError:
            refused = -1
        finally:
            session.close()
        # Raised out here: the exceptions of smtplib quote the address.
        if refused == -1:
            raise Timeout("the mail server did not answer")
        if refused is not None:
            meaning = f"the mail server said {refused}"
            return SendResult(False, f"m{refused}"[:5], meaning=meaning)
        return SendResult(True, "0", message["Message-Id"])

    def _connected(self, message):
        """Open a session, and let Odoo write the envelope as that server wants it."""
        with self._registry.cursor() as cr:
            server = api.Environment(cr, SUPERUSER_ID, {})["ir.mail_server"]
            session = server._connect__(smtp_from=self._sender)
            session.set_debuglevel(0)  # a server that is debugged writes whole messages to the log
            return session, *server._prepare_email_message__(message, session)


class OdooSmsGateway:
    """Sends by the SMS provider of a company: IAP, or what the instance has in its place."""

    def __init__(self, registry: Registry, company_id: int) -> None:
        self._registry, self._company_id = registry, company_id

    def send(self, to: str, text: str, reference: str = "") -> SendResult:
        """Send a text to a number; no receipt is awaited."""
        token = secrets.token_hex(16)
        asked = [{"content": text, "numbers": [{"uuid": token, "number": f"+{to}"}]}]
        state = None
        try:
            with self._registry.cursor() as cr:
                env = api.Environment(cr, SUPERUSER_ID, {})
                company = env["res.company"].browse(self._company_id)
                provider = company._get_sms_api_class()(company.with_company(company).env)
                provider._set_company(company)
                [said] = provider._send_sms_batch(asked)
                state = str(said["state"])
        except Exception as error:
            failed = type(error).__name__
        if state is None:  # raised out here: an exception may carry the message
            raise Timeout(f"the SMS provider did not answer ({failed})")
        status = _SMS_STATES.get(state, "sms")
        return SendResult(
            ok=status == "0",
            status=status,
            provider_id=token,
            balance_low=state == "insufficient_credit",
            meaning=state.replace("_", " "),
        )
