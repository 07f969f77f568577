from otp_engine.esms.gateway.esms import EsmsGateway
from otp_engine.esms.gateway.log import LogGateway

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..channels import OdooSmsGateway, SmsQueue

_LONGEST = 30  # seconds that a request may wait for the gateway, with a worker of the server


class EsmsOtpGateway(models.Model):
    _name = "esms.otp.gateway"
    _description = "OTP Gateway"
    _order = "name, id"

    name = fields.Char(required=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", default=lambda self: self.env.company)
    provider = fields.Selection(
        [
            ("esms", "eSMS Malaysia"),
            ("odoo", "Odoo's own SMS"),
            ("log", "Log (sends nothing)"),
        ],
        required=True,
        default="esms",
        help="Odoo's own is IAP, or whatever provider the instance has in its place.",
    )
    show_codes = fields.Boolean(
        "Show Codes in the Log",
        help="For a demo on a machine of your own: whoever reads the log can sign.",
    )
    endpoint = fields.Char(default="https://api.esms.com.my/sms/send")
    user = fields.Char("Key", groups="base.group_system", copy=False)
    password = fields.Char("Secret", groups="base.group_system", copy=False)
    next_id = fields.Many2one(
        "esms.otp.gateway",
        "Next Gateway",
        ondelete="restrict",
        domain="[('company_id', 'in', (company_id, False))]",
        help="Gets a message that this one refused, with the same code. After a silence nobody "
        "gets it: it may have been sent.",
    )
    timeout = fields.Integer(
        "Time-out", default=10, required=True, help="Seconds to wait for the gateway's answer."
    )

    @api.constrains("next_id")
    def _check_next(self):
        if self._has_cycle("next_id"):
            raise ValidationError(self.env._("A gateway must not come after itself."))

    @api.constrains("timeout")
    def _check_timeout(self):
        for gateway in self:
            if not 1 <= gateway.timeout <= _LONGEST:
                raise ValidationError(self.env._("The time-out must be 1 to %s seconds.", _LONGEST))

    @api.constrains("provider", "endpoint")
    def _check_endpoint(self):
        for gateway in self:
            if gateway.provider == "odoo" and "sms.sms" not in self.env:
                raise ValidationError(self.env._("Install Odoo's module SMS first."))
            try:
                gateway.sudo()._sender()
            except ValueError as error:
                raise ValidationError(str(error)) from error

    def _in_order(self):
        """Return this gateway and those after it, each once, but archived ones."""
        found = self.browse()
        while self and self not in found:
            found, self = found | self, self.next_id
        return found.filtered("active")

    def _sender(self):
        """Return what sends, with plain values: it is used after the ORM was left alone."""
        self.ensure_one()
        if self.provider == "log":
            return LogGateway(self.show_codes)
        if self.provider == "odoo":
            company = self.company_id or self.env.company
            channel = SmsQueue if self.env.context.get("esms_otp_queue") else OdooSmsGateway
            return channel(self.env.registry, company.id)
        return EsmsGateway(self.endpoint or "", self.user or "", self.password or "", self.timeout)
