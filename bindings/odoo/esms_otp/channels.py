"""Odoo's own channels as gateways: its outgoing mail server, and its SMS provider.

A message goes out at once, from the thread that claimed it, and neither `mail.mail` nor `sms.sms`
keeps it: whoever reads the database finds no code. That thread borrows a database connection, since
Odoo reads there how to reach server or provider; the request has none meanwhile.

Where a policy wants Odoo's queues, the last two classes put the text there.
"""

import secrets
import smtplib
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from otp_engine.esms.gateway import SendResult, Timeout

from odoo import SUPERUSER_ID, api, fields
from odoo.exceptions import UserError
from odoo.modules.registry import Registry
from odoo.tools import plaintext2html

#: What `sms.sms` says of a message that surely did not go out, by the numbers of eSMS.
_SMS_FAILURES = {
    "sms_acc": "3",
    "sms_country_not_supported": "4",
    "sms_credit": "5",
    "sms_number_format": "9",
    "sms_number_missing": "9",
}
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


def _row(env, reference):
    """Return the row of a code by the URL at which its receipt is awaited."""
    token = reference.rpartition("/")[2]
    return env["esms.otp.generation"].search([("receipt_token", "=", token or "-")])


class MailQueue:
    """Puts a text into `mail.mail`; Odoo's queue sends it, and reports by `mail_mail.py`."""

    def __init__(self, registry: Registry, sender: str, subject: str) -> None:
        self._registry, self._sender, self._subject = registry, sender, subject

    def send(self, to: str, text: str, reference: str = "") -> SendResult | None:
        """Leave a text to the queue; a mail that could not be found again is not made."""
        with self._registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            row = _row(env, reference)
            if not row:
                return SendResult(False, "queue", meaning="the code has no row in the journal")
            env["mail.mail"].create(
                {
                    "email_from": self._sender,
                    "email_to": to,
                    "subject": self._subject,
                    "body_html": plaintext2html(text),
                    "headers": repr({"Auto-Submitted": "auto-generated"}),
                    "model": row._name,
                    "res_id": row.id,
                }
            )
            env.ref("mail.ir_cron_mail_scheduler_action")._trigger()
        return None


class SmsQueue:
    """Sends by a row of `sms.sms`, by whatever the instance made of that; then the row is gone."""

    def __init__(self, registry: Registry, company_id: int) -> None:
        self._registry, self._company_id = registry, company_id

    def send(self, to: str, text: str, reference: str = "") -> SendResult:
        """Send a text to a number; should this process die, Odoo's queue does."""
        token = secrets.token_hex(16)
        with self._registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            row = _row(env, reference)
            if not row:
                return SendResult(False, "queue", meaning="the code has no row in the journal")
            sms_id = env["sms.sms"].create({"uuid": token, "number": f"+{to}", "body": text}).id
            # By it the row is found again, should it stay.
            row.gateway_reference = token
        state = failure = None
        try:
            with self._registry.cursor() as cr:
                env = api.Environment(cr, SUPERUSER_ID, {})
                company = env["res.company"].browse(self._company_id)
                sms = env["sms.sms"].with_company(company).browse(sms_id)
                sms.send(unlink_failed=False, unlink_sent=False)
                if sms.state != "outgoing":  # else Odoo's own run has it
                    state, failure = sms.state, sms.failure_type
                    sms.unlink()
        except Exception as error:
            state, failure = None, type(error).__name__
        if state == "error" and failure in _SMS_FAILURES:
            status = _SMS_FAILURES[failure]
            meaning = failure.removeprefix("sms_").replace("_", " ")
            return SendResult(False, status, token, failure == "sms_credit", meaning)
        if state in ("process", "pending", "sent"):
            return SendResult(True, "0", token)
        # Raised out here: an exception may carry the message.
        raise Timeout(f"of a message in Odoo's queue nothing is known ({failure})")


def drop_texts(env):
    """Delete what stayed in Odoo's queues of codes that are over."""
    over = env["esms.otp.generation"].sudo()._search([("expires_at", "<", fields.Datetime.now())])
    mails = env["mail.mail"].sudo()
    mails.search([("model", "=", "esms.otp.generation"), ("res_id", "in", over)]).unlink()
    if "sms.sms" in env:
        references = over.subselect("gateway_reference")
        env["sms.sms"].sudo().search([("uuid", "in", references)]).unlink()
