import logging

import otp_engine as otp
from otp_engine.esms.events import hearing
from otp_engine.esms.recipient import international

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..engine import PURPOSE, engine
from ..journal import OdooJournal
from ..store import opened
from . import reasons

_logger = logging.getLogger(__name__)


class ResUsers(models.Model):
    _inherit = "res.users"

    # Not `phone`: users write that themselves, and with it whoever has stolen their login.
    esms_otp_mobile = fields.Char(
        "Signing Mobile",
        groups="esms_otp.group_esms_otp_manager",
        copy=False,
        help="Where codes for signing are sent. Only managers of signing codes may change it.",
    )

    # Not `email`, for the same reason.
    esms_otp_email = fields.Char(
        "Signing E-mail",
        groups="esms_otp.group_esms_otp_manager",
        copy=False,
        help="Where policies with e-mail send codes. Only managers of signing codes may change it.",
    )

    @api.constrains("esms_otp_email")
    def _check_esms_otp_email(self):
        for user in self.filtered("esms_otp_email"):
            try:
                user._esms_otp_place("-", email=user.esms_otp_email)
            except ValueError as error:
                raise ValidationError(str(error)) from error

    @api.constrains("esms_otp_mobile")
    def _check_esms_otp_mobile(self):
        for user in self.filtered("esms_otp_mobile"):
            try:
                user._esms_otp_number("-")
            except ValueError as error:
                raise ValidationError(str(error)) from error

    def _esms_otp_place(self, tenant, **recipient):
        """Return a binding that names a recipient, and no record."""
        return otp.Binding(
            tenant=tenant,
            purpose=PURPOSE,
            target=otp.Target("-", "-", "-"),
            user=str(self.id or "-"),
            **recipient,
        )

    def _esms_otp_number(self, tenant):
        number = international(self.esms_otp_mobile, self._esms_otp_country_code())
        return self._esms_otp_place(tenant, mobile=number)

    def _esms_otp_unlock(self, reason, company):
        """Lift what wrong codes put on the user; the events of the company tell the reason."""
        reason = reasons.checked(self.env, reason)
        with hearing() as events, opened(self.env.registry) as store:
            engine().unlock(store, self.env["esms.otp.cell"]._tenant(), str(self.id))
        OdooJournal(self.env.registry, company.id).heard(events, reason)
        _logger.info("user %s unlocked user %s", self.env.uid, self.id)

    def _esms_otp_reset(self, reason, company):
        """Lift locks and limits of the user, and of signing mobile and e-mail if there are any."""
        reason = reasons.checked(self.env, reason)
        tenant = self.env["esms.otp.cell"]._tenant()
        places = [self._esms_otp_number(tenant)] if self.esms_otp_mobile else []
        if self.esms_otp_email:
            places.append(self._esms_otp_place(tenant, email=self.esms_otp_email))
        with hearing() as events, opened(self.env.registry) as store:
            engine().reset_user(store, tenant, str(self.id), reason)
            for place in places:
                engine().reset_recipient(store, place, reason)
        OdooJournal(self.env.registry, company.id).heard(events)
        _logger.info("user %s reset user %s", self.env.uid, self.id)

    def _esms_otp_country_code(self):
        """Return the calling code for numbers without one, 0 if no country is known."""
        user = self.sudo()
        return (user.partner_id.country_id or user.company_id.country_id).phone_code or 0
