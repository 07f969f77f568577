from odoo import fields, models


class LoanApplication(models.Model):
    _name = "loan.application"
    _description = "Loan Application"

    name = fields.Char(required=True)
    amount = fields.Float(required=True)
    user_id = fields.Many2one("res.users", required=True)
    client_schedule_esms_otp_signature_ids = fields.One2many("old.signature", "loan_id")
