import hashlib

from odoo import models
from odoo.exceptions import UserError

from .. import signed_record
from ..engine import engine
from ..store import OdooStore


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

    def _esms_otp_subject(self, field):
        """Return what stands for `#subject#` in the message: a payee and an amount, say."""
        return self.display_name or ""

    def _esms_otp_verified(self, field, signature):
        """Act on a signature, in a transaction of its own, with the rights of the signer.

        It comes after the commit of the verification and may run again. What it raises is logged
        and undoes nothing: where it matters, ask `_esms_otp_check_signed` when it is needed.
        """
        if isinstance(self, self.env.registry["mail.thread"]):
            label = self._fields[field]._description_string(self.env)
            body = self.env._("Signed by one-time code: %s", label)
            self.sudo().message_post(body=body)

    def _esms_otp_check_signed(self, field):
        """Raise unless each record was signed as it is now; records of the engine decide."""
        tenant = self.env["esms.otp.cell"]._tenant()
        for record in self:
            with OdooStore(self.env.registry) as store:
                signature = engine().latest_signature(
                    store, tenant, record._name, field, str(record.id)
                )
            if signature is None:
                raise UserError(self.env._("%s is not signed yet.", record.display_name))
            policy = self.env["esms.otp.policy"]._for_field(record, field, active_test=False)
            content = policy._content(record, field) if policy else None
            if content is None:
                continue
            signed = signed_record.content_digest(signature.jws, signature.disclosures)
            if signed != hashlib.sha256(content).digest():
                raise UserError(
                    self.env._("%s was changed after it was signed.", record.display_name)
                )
