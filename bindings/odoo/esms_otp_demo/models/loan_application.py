from odoo import api, fields, models
from odoo.tools.misc import format_amount

from odoo.addons.esms_otp.models.mixin import Document

SIGNED_FIELD = "client_schedule_esms_otp_signature_ids"


class LoanApplication(models.Model):
    _name = "loan.application"
    _description = "Loan Application"
    _inherit = ["mail.thread", "esms.otp.mixin"]
    _order = "id desc"

    name = fields.Char(required=True)
    amount = fields.Monetary(required=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    user_id = fields.Many2one("res.users", string="Borrower", required=True, index=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    state = fields.Selection(
        [("draft", "Waiting for the borrower"), ("accepted", "Accepted")],
        default="draft",
        required=True,
        readonly=True,
        copy=False,
    )
    client_schedule_esms_otp_signature_ids = fields.One2many(
        "esms.otp.signature",
        "res_id",
        string="Repayment Schedule Signatures",
        domain=[("field", "=", SIGNED_FIELD)],
        readonly=True,
    )

    document_id = fields.Many2one("ir.attachment", string="Offer")

    def _esms_otp_document(self, field):
        offer = self.document_id
        return Document(offer.name, offer.raw or b"", offer.mimetype) if offer else None

    def _esms_otp_subject(self, field):
        # Not its name: a phone could take digits of it for the code.
        amount = format_amount(self.env, self.amount, self.currency_id)
        return self.env._("a loan of %s", amount.replace("\xa0", " "))

    @api.model
    def _esms_otp_waiting(self, field):
        return self.search([("user_id", "=", self.env.uid), ("state", "=", "draft")])

    def _esms_otp_signed(self, field, signature):
        result = super()._esms_otp_signed(field, signature)
        if field == SIGNED_FIELD:
            self.sudo().state = "accepted"
        return result

    @api.model
    def _number_from(self, number):
        """Give the next application this id: the printed example names record 15."""
        self.env.cr.execute("SELECT setval('loan_application_id_seq', %s, false)", [number])
