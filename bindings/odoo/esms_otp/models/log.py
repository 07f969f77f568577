from odoo import fields, models


class EsmsOtpLog(models.Model):
    """The events of the engine. No code and no whole number is in them."""

    _name = "esms.otp.log"
    _description = "OTP Event"
    _rec_name = "kind"
    _order = "at desc, id desc"
    _log_access = False

    at = fields.Datetime(required=True, readonly=True, index=True)
    kind = fields.Char("Event", required=True, readonly=True)
    reason = fields.Char(readonly=True)
    count = fields.Integer(readonly=True, aggregator=None)
    mixed_scripts = fields.Boolean(
        readonly=True, help="The digits that were typed came from more than one script."
    )
    refunded = fields.Boolean(readonly=True, help="The refused send does not count.")
    model = fields.Char(readonly=True)
    res_id = fields.Many2oneReference("Record", model_field="model", readonly=True)
    field = fields.Char(readonly=True)
    user_id = fields.Many2one("res.users", readonly=True, ondelete="set null")
    company_id = fields.Many2one("res.company", readonly=True, ondelete="cascade")
    recipient = fields.Char("Mobile", readonly=True, help="Masked: its last four digits.")
    generation = fields.Char(readonly=True, index="btree_not_null")
