import hashlib
from typing import NamedTuple

import otp_engine as otp
from otp_engine.esms import signed_record

from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools.misc import format_amount, format_date, format_datetime

from ..engine import engine
from ..store import opened

#: As much as the portal lists of each kind.
LISTED = 80


class Document(NamedTuple):
    """A document that is approved: what it is called, its bytes, and its media type."""

    name: str
    raw: bytes
    mimetype: str


class EsmsOtpMixin(models.AbstractModel):
    """For models with a field that is signed by a code: inherit it, and override its hooks."""

    _name = "esms.otp.mixin"
    _description = "Signed by OTP"

    def _esms_otp_content(self, field):
        """Return the bytes of what is approved, or None for the fields that the policy names.

        A code is void as soon as they change. They are asked for with superuser rights, and must be
        the same for whoever asks: no language, no time zone, no present time.
        """
        return None

    def _esms_otp_document(self, field):
        """Return the `Document` that is approved, or None; its digest is signed content.

        It is asked for with superuser rights, and shown to whoever may sign. Its bytes must be the
        same each time: keep a document that is printed, as an attachment.
        """
        return None

    @api.model
    def _esms_otp_waiting(self, field):
        """Return the records whose field waits for the present user; the portal lists them.

        By default what a portal user may read and has not signed, the newest first: others may read
        far more than waits for them. The portal leaves out what the policy does not let them sign.
        """
        if not self.env.user.share:
            return self.browse()
        signatures = self.env["esms.otp.signature"].sudo()
        place = [("model", "=", self._name), ("field", "=", field)]
        signed = signatures._search([*place, ("user_id", "=", self.env.uid)])
        unsigned = [("id", "not in", signed.subselect("res_id"))]
        return self.search(unsigned, order="id desc", limit=LISTED)

    def _esms_otp_shown(self, field):
        """Return what the page shows as approved: pairs of a label and a text.

        By default the fields that the policy names as signed content, in the user's language.
        """
        policy = self.env["esms.otp.policy"]._for_field(self, field)
        names = policy.content_field_ids.sorted("id").mapped("name")
        return [
            (self._fields[name]._description_string(self.env), shown(self.sudo(), name))
            for name in names
        ]

    def _esms_otp_subject(self, field):
        """Return what stands for `#subject#` in the message: a payee and an amount, say."""
        return self.display_name or ""

    def _esms_otp_verified(self, field, signature):
        """Act on a signature, in a transaction of its own, with the rights of the signer.

        It comes after the commit of the verification, and its effects are there at most once: what
        it raises is logged and undoes nothing, and where the process dies first it never runs.
        For what must not be lost override `_esms_otp_signed`.
        """
        if isinstance(self, self.env.registry["mail.thread"]):
            body = self.env._(
                "Signed by %(user)s with a one-time code: %(field)s",
                user=signature.user_id.sudo().name,
                field=self._fields[field]._description_string(self.env),
            )
            note = self.sudo().message_post(body=body)
            self.env["esms.otp.certificate.note"].sudo()._ask(signature, note)

    def _esms_otp_signed(self, field, signature):
        """Act on a signature, in a transaction of its own, with the rights of the signer.

        It runs after the commit of the verification until it has ended once without an error: what
        it raises is shown to officers, and a scheduled action runs it again. What it writes into
        the database is there once, since the row that owes it goes in the same commit. What it does
        outside, such as a request to another server, may happen again: name that by the id of
        `signature`, and let the other side ignore a repetition. It asks nobody: it runs without a
        request.
        """

    def _esms_otp_check_allowed(self, field):
        """Raise UserError if the record may not be signed now: an offer that is over, say.

        It is asked with the rights of the signer, before a code is sent and before one is compared.
        Its text is what the signer reads.
        """

    def _esms_otp_standing(self, field):
        """Return how the field is signed; records of the engine decide.

        ``unsigned``; ``current``: by what the record says now; ``stale``: it was changed since;
        ``unbound``: nothing says what was signed, since the policy is gone or names no content, or
        named none then.
        """
        self.ensure_one()
        tenant = self.env["esms.otp.cell"]._tenant()
        with opened(self.env.registry) as store:
            target = otp.Target(self._name, field, str(self.id))
            signature = engine().latest_signature(store, tenant, target)
        if signature is None:
            return "unsigned"
        return self._esms_otp_compared(
            field, signed_record.content_digest(signature.jws, signature.disclosures)
        )

    def _esms_otp_compared(self, field, signed):
        """Return how a digest of what was signed stands to what the record says now."""
        policy = self.env["esms.otp.policy"]._for_field(self, field, active_test=False)
        content = policy._content(self, field) if policy else None
        if content is None or signed is None:
            return "unbound"
        return "current" if signed == hashlib.sha256(content).digest() else "stale"

    def _esms_otp_check_signed(self, field):
        """Raise UserError unless each record was signed as it is now: before you act on it."""
        for record in self:
            standing, name = record._esms_otp_standing(field), record.display_name
            if standing == "unsigned":
                raise UserError(self.env._("%s is not signed yet.", name))
            if standing == "stale":
                raise UserError(self.env._("%s was changed after it was signed.", name))
            if standing == "unbound":
                raise UserError(
                    self.env._(
                        "Nothing says what was signed of %s: name the content in its policy.",
                        name,
                    )
                )

    def _esms_otp_guarded(self):
        """Yield each record and signed field that a policy guards."""
        rows = self.env["esms.otp.signature"].sudo()
        places = [("model", "=", self._name), ("res_id", "in", self.ids)]
        for res_id, field in sorted({(row.res_id, row.field) for row in rows.search(places)}):
            record = self.browse(res_id)
            policy = self.env["esms.otp.policy"]._for_field(record, field, active_test=False)
            if policy.guard_signed:
                yield record, field

    @api.ondelete(at_uninstall=False)
    def _esms_otp_keep_signed(self):
        for record, _field in self._esms_otp_guarded():
            raise UserError(
                self.env._("%s is signed, and is kept with its signature.", record.display_name)
            )

    def _esms_otp_check_printed(self):
        """Raise UserError where a signed record was changed: its print would look signed."""
        for record, field in self._esms_otp_guarded():
            if record._esms_otp_standing(field) == "stale":
                raise UserError(
                    self.env._("%s was changed after it was signed.", record.display_name)
                )


def shown(record, name):
    """Write the value of a field as people read it."""
    field, value, env = record._fields[name], record[name], record.env
    if field.type == "monetary" and (currency := record[field.get_currency_field(record)]):
        return format_amount(env, value, currency)
    if field.type == "boolean":
        return env._("Yes") if value else env._("No")
    if field.type == "binary":
        return env._("A file of %s bytes", len(value)) if value else ""
    if field.relational:
        return ", ".join(value.mapped("display_name"))
    if field.type == "selection":
        return dict(field._description_selection(env)).get(value, "")
    if field.type == "date":
        return format_date(env, value)
    if field.type == "datetime":
        return format_datetime(env, value)
    return str(value) if value or field.type in ("integer", "float") else ""
