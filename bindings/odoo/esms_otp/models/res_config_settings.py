from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    esms_otp_gateway_id = fields.Many2one(related="company_id.esms_otp_gateway_id", readonly=False)
    esms_otp_mask_recipient = fields.Boolean(
        related="company_id.esms_otp_mask_recipient", readonly=False
    )
    esms_otp_generation_days = fields.Integer(
        "Days to keep Generations", config_parameter="esms_otp.generation_days", default=90
    )
    esms_otp_log_days = fields.Integer(
        "Days to keep Events", config_parameter="esms_otp.log_days", default=400
    )
