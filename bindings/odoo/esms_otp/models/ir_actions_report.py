from odoo import models


class IrActionsReport(models.Model):
    _inherit = "ir.actions.report"

    def _get_rendering_context(self, report, docids, data):
        model = self.env.get(report.model)
        if docids and model is not None and hasattr(model, "_esms_otp_check_printed"):
            model.browse(docids)._esms_otp_check_printed()
        return super()._get_rendering_context(report, docids, data)
