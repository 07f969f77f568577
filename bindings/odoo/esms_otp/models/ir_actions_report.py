from io import BytesIO

from odoo import api, models

from odoo.addons.base.models.ir_actions_report import _wkhtml

from .certificate import REPORT, Certificate


class IrActionsReport(models.Model):
    """Prints no signed record that was changed since: the print would look signed.

    A certificate gets its files inside.
    """

    _inherit = "ir.actions.report"

    def _get_rendering_context(self, report, docids, data):
        self._esms_otp_check(report, docids)
        return super()._get_rendering_context(report, docids, data)

    def _render_qweb_pdf_prepare_streams(self, report_ref, data, res_ids=None):
        # Also before a print that was kept as an attachment is taken again.
        report = self._get_report(report_ref)
        self._esms_otp_check(report, res_ids)
        if report.report_name != REPORT:
            return super()._render_qweb_pdf_prepare_streams(report_ref, data, res_ids=res_ids)
        made = (data or {}).get("certificate")
        if not isinstance(made, Certificate):
            signatures = self.env["esms.otp.signature"].browse(res_ids)
            made = self.env[f"report.{REPORT}"]._make(signatures)
        # All signatures are on one certificate: Odoo would take it apart, one for each.
        data = {**(data or {}), "certificate": made}
        [stream] = (
            super()._render_qweb_pdf_prepare_streams(report_ref, data, res_ids=res_ids[:1]).values()
        )
        stream["stream"] = BytesIO(made.embed(stream["stream"].getvalue()))
        return {res_ids[0]: stream}

    def _prepare_html(self, html, report_model=False):
        # As it is: with Odoo's style sheets a worker would have to fetch them from another one.
        if self.report_name == REPORT:
            page = html.decode()
            if not _wkhtml().is_patched_qt:  # which prints all smaller, and knows no --zoom
                page = page.replace("<body>", '<body style="zoom: 1.3">', 1)
            return [page], [None], None, None, {}
        return super()._prepare_html(html, report_model=report_model)

    @api.model
    def _build_wkhtmltopdf_args(self, paperformat_id, *args, **named):
        line = super()._build_wkhtmltopdf_args(paperformat_id, *args, **named)
        if paperformat_id == self.env.ref(f"{REPORT}_paper", raise_if_not_found=False):
            line[line.index("--javascript-delay") + 1] = "0"
            line.append("--disable-javascript")
        return line

    def _esms_otp_check(self, report, ids):
        model = self.env.get(report.model)
        if ids and model is not None and hasattr(model, "_esms_otp_check_printed"):
            model.browse(ids)._esms_otp_check_printed()
