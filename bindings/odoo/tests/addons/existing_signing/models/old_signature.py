from odoo import fields, models


class OldSignature(models.Model):
    _name = "old.signature"
    _description = "Signature from before the engine"

    loan_id = fields.Many2one("loan.application", required=True)
    generation = fields.Char(required=True)
    signer_name = fields.Char()
    verified_at = fields.Datetime(required=True)
    mobile = fields.Char()
