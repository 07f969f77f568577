from odoo import api, fields, models


class EsmsOtpReset(models.TransientModel):
    """Asks a manager why, and lifts what holds users, numbers and fields of some codes up."""

    _name = "esms.otp.reset"
    _description = "Reset of Signing Codes"

    generation_ids = fields.Many2many(
        "esms.otp.generation", string="Codes", required=True, readonly=True,
        default=lambda self: self._default_generations(),
    )  # fmt: skip
    reason = fields.Char(required=True, help="It stands in the events: 1 to 256 bytes.")

    @api.model
    def _default_generations(self):
        if self.env.context.get("active_model") != "esms.otp.generation":
            return False
        return self.env.context.get("active_ids")

    def action_reset(self):
        self.ensure_one()
        self.generation_ids.action_reset(self.reason)
        return {"type": "ir.actions.act_window_close"}
