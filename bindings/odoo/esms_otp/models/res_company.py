from otp_engine.esms.gateway import InOrder

from odoo import fields, models

from ..channels import MailGateway, MailQueue


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

    def _esms_otp_sender(self, binding, policy):
        """Return what sends the codes of a binding: the mail server, or gateways in their order.

        Those of the policy, or the company's; None where there is no gateway.
        """
        if binding.email:
            servers = self.env["ir.mail_server"].sudo()
            sender = self.email_formatted or servers._get_default_from_address()
            subject = self.env._("Your signing code, %s", self.name)
            channel = MailQueue if policy.odoo_queues else MailGateway
            return channel(self.env.registry, sender or "", subject)
        in_order = policy._gateways(self).with_company(self)
        senders = [
            gateway.with_context(esms_otp_queue=policy.odoo_queues)._sender()
            for gateway in in_order
        ]
        return InOrder(*senders) if senders else None
