import otp_engine as otp

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..recipient import international


class ResUsers(models.Model):
    _inherit = "res.users"

    # Not `phone`: users write that themselves, and with it whoever has stolen their login.
    esms_otp_mobile = fields.Char(
        "Signing Mobile",
        groups="esms_otp.group_esms_otp_manager",
        copy=False,
        help="Where codes for signing are sent. Only managers of signing codes may change it.",
    )

    @api.constrains("esms_otp_mobile")
    def _check_esms_otp_mobile(self):
        for user in self.filtered("esms_otp_mobile"):
            try:
                mobile = international(user.esms_otp_mobile, user._esms_otp_country_code())
                otp.Binding(
                    tenant="-",
                    purpose="-",
                    target=otp.Target("-", "-", "-"),
                    user="-",
                    mobile=mobile,
                )
            except ValueError as error:
                raise ValidationError(str(error)) from error

    def _esms_otp_country_code(self):
        """Return the calling code for numbers without one, 0 if no country is known."""
        user = self.sudo()
        return (user.partner_id.country_id or user.company_id.country_id).phone_code or 0
