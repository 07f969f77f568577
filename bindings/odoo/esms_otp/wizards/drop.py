from odoo import api, fields, models


class EsmsOtpDrop(models.TransientModel):
    """Asks a manager why, and gives up what some signatures were to bring about."""

    _name = "esms.otp.drop"
    _description = "Drop Actions after Signing"

    outbox_ids = fields.Many2many(
        "esms.otp.outbox", string="Actions", required=True, readonly=True,
        default=lambda self: self._default_outbox(),
    )  # fmt: skip
    reason = fields.Char(required=True, help="It is kept with them: 1 to 256 bytes.")

    @api.model
    def _default_outbox(self):
        if self.env.context.get("active_model") != "esms.otp.outbox":
            return False
        return self.env.context.get("active_ids")

    def action_drop(self):
        self.ensure_one()
        self.outbox_ids.action_drop(self.reason)
        return {"type": "ir.actions.act_window_close"}
