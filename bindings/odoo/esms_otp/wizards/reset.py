from odoo import api, fields, models


class EsmsOtpReset(models.TransientModel):
    """Asks a manager why, and lifts what holds up some users, or those of some codes."""

    _name = "esms.otp.reset"
    _description = "Reset of Signing Codes"

    generation_ids = fields.Many2many(
        "esms.otp.generation", string="Codes", readonly=True,
        default=lambda self: self._chosen("esms.otp.generation"),
    )  # fmt: skip
    user_ids = fields.Many2many(
        "res.users", string="Users", readonly=True,
        default=lambda self: self._chosen("res.users"),
    )  # fmt: skip
    is_unlock = fields.Boolean(readonly=True, help="Wrong codes are lifted, and nothing else.")
    reason = fields.Char(required=True, help="It stands in the events: 1 to 256 bytes.")

    @api.model
    def _chosen(self, model):
        return self.env.context.get("active_model") == model and self.env.context.get("active_ids")

    def action_reset(self):
        self.ensure_one()
        if self.is_unlock:
            self.generation_ids.action_unlock(self.reason)
        else:
            self.generation_ids.action_reset(self.reason)
        for user in self.user_ids:
            lift = user._esms_otp_unlock if self.is_unlock else user._esms_otp_reset
            lift(self.reason, user.company_id)
        return {"type": "ir.actions.act_window_close"}
