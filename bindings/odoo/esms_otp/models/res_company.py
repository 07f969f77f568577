from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    esms_otp_gateway_id = fields.Many2one(
        "esms.otp.gateway",
        "OTP Gateway",
        ondelete="restrict",
        domain="[('company_id', 'in', (id, False))]",
    )
    esms_otp_mask_recipient = fields.Boolean(
        "Mask Signing Mobiles", help="Show the last four digits alone in the answers of the API."
    )
