import otp_engine as otp
from otp_engine.esms import hold

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from . import health, limits, origins


def _limit(name, label):
    return fields.Integer(
        label, config_parameter=limits.PREFIX + name, default=limits.DEFAULTS[name]
    )


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    esms_otp_health = fields.Html("Health", compute="_compute_esms_otp_health")
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
    esms_otp_image_days = fields.Integer(
        "Days to keep Images", config_parameter="esms_otp.image_days"
    )
    esms_otp_detail_days = fields.Integer(
        "Days to keep Details", config_parameter="esms_otp.detail_days"
    )
    esms_otp_image_access = fields.Selection(
        [("record", "Whoever may read the record"), ("signer", "The signer and officers")],
        "Who sees Images",
        config_parameter="esms_otp.image_access",
        default="record",
        required=True,
    )
    esms_otp_recipient_sends_per_ten_minutes = _limit(
        "recipient_sends_per_ten_minutes", "Sends to a number in ten minutes"
    )
    esms_otp_recipient_sends_per_day = _limit(
        "recipient_sends_per_day", "Sends to a number in a day"
    )
    esms_otp_user_sends_per_hour = _limit("user_sends_per_hour", "Sends for a user in an hour")
    esms_otp_user_failures_per_day = _limit(
        "user_failures_per_day", "Wrong codes of a user in a day"
    )
    esms_otp_recipient_failures_per_day = _limit(
        "recipient_failures_per_day", "Wrong codes for a number in a day"
    )
    esms_otp_consecutive_failures = _limit("consecutive_failures", "Wrong codes in a row")

    esms_otp_gateway_wait = fields.Integer(
        "Wait for the gateway", config_parameter="esms_otp.gateway_wait", default=2
    )
    esms_otp_rejection_hold = fields.Integer(
        "Hold of rejections", config_parameter="esms_otp.rejection_hold", default=hold.DEFAULT
    )
    esms_otp_allowed_origins = fields.Char("Allowed origins", config_parameter=origins.PARAMETER)

    esms_otp_disclose = fields.Boolean(
        "Disclose Details to the Signer", config_parameter="esms_otp.disclose"
    )

    @api.depends("company_id")
    def _compute_esms_otp_health(self):
        self.esms_otp_health = health.shown(self.env)

    @api.constrains("esms_otp_gateway_wait")
    def _check_esms_otp_gateway_wait(self):
        for settings in self:
            if not 0 <= settings.esms_otp_gateway_wait <= 10:
                raise ValidationError(
                    self.env._("A request must wait 0 to 10 seconds for the gateway.")
                )

    @api.constrains("esms_otp_rejection_hold")
    def _check_esms_otp_rejection_hold(self):
        for settings in self:
            if not 0 <= settings.esms_otp_rejection_hold <= hold.MOST:
                raise ValidationError(
                    self.env._("The hold of rejections must be 0 to 300 milliseconds.")
                )

    @api.constrains("esms_otp_allowed_origins")
    def _check_esms_otp_allowed_origins(self):
        for settings in self:
            try:
                origins.read(settings.esms_otp_allowed_origins or "")
            except ValueError as error:
                raise ValidationError(str(error)) from error

    @api.constrains(*(f"esms_otp_{name}" for name in limits.DEFAULTS))
    def _check_esms_otp_limits(self):
        for settings in self:
            try:
                otp.RateLimits(**{name: settings[f"esms_otp_{name}"] for name in limits.DEFAULTS})
            except (TypeError, ValueError) as error:
                raise ValidationError(str(error)) from error

    def set_values(self):
        """Keep a 0 as well: Odoo drops the parameter instead, and its default would count again."""
        done = super().set_values()
        parameters = self.env["ir.config_parameter"].sudo()
        for name in ("gateway_wait", "rejection_hold"):
            parameters.set_param(f"esms_otp.{name}", str(self[f"esms_otp_{name}"]))
        return done
