from odoo import models


class IrActionsReport(models.Model):
    """Prints no signed record that was changed since: the print would look signed."""

    _inherit = "ir.actions.report"

    def _get_rendering_context(self, report, docids, data):
        self._esms_otp_check(report, docids)
        return super()._get_rendering_context(report, docids, data)

    def _render_qweb_pdf_prepare_streams(self, report_ref, data, res_ids=None):
        # Also before a print that was kept as an attachment is taken again.
        self._esms_otp_check(self._get_report(report_ref), res_ids)
        return super()._render_qweb_pdf_prepare_streams(report_ref, data, res_ids=res_ids)

    def _esms_otp_check(self, report, ids):
        model = self.env.get(report.model)
        if ids and model is not None and hasattr(model, "_esms_otp_check_printed"):
            model.browse(ids)._esms_otp_check_printed()
