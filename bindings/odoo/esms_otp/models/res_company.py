from odoo import fields, models

from ..channels import MailGateway


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

    def _esms_otp_sender(self, binding):
        """Return what sends the codes of a binding: the mail server, or the company's gateway.

        None where there is no gateway.
        """
        if binding.email:
            servers = self.env["ir.mail_server"].sudo()
            sender = self.email_formatted or servers._get_default_from_address()
            subject = self.env._("Your signing code, %s", self.name)
            return MailGateway(self.env.registry, sender or "", subject)
        gateway = self.esms_otp_gateway_id
        return gateway.with_company(self)._sender() if gateway.active else None
