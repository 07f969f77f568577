from odoo import models
from odoo.exceptions import UserError


class IrModuleModule(models.Model):
    _inherit = "ir.module.module"

    def button_uninstall(self):
        # An uninstallation drops the table, whatever its triggers say; a hook would come too late.
        going = (self | self.downstream_dependencies()).mapped("name")
        if "esms_otp" in going and self.env["esms.otp.signature"].sudo().search_count([], limit=1):
            raise UserError(
                self.env._("There are signatures: this module, and what it needs, must stay.")
            )
        return super().button_uninstall()
