"""The certificate of a record's signatures, for whoever may read them."""

from odoo import http
from odoo.exceptions import AccessError
from odoo.http import content_disposition, request

from ..models.certificate import REPORT


class EsmsOtpCertificateController(http.Controller):
    @http.route("/esms_otp/certificate/<int:signature_id>", type="http", auth="user")
    def certificate(self, signature_id, **_query):
        """Send it; who may not read the signature gets the answer of a wrong address."""
        row = request.env["esms.otp.signature"].browse(signature_id)
        try:
            rows = row.exists() and row._of_record()
            if row not in rows:
                raise request.not_found()
            made = request.env[f"report.{REPORT}"]._make(rows)
        except AccessError:
            raise request.not_found() from None
        printed, kind = request.env["ir.actions.report"]._render_qweb_pdf(
            REPORT, rows.ids, data={"certificate": made}
        )
        headers = {
            "Content-Type": "application/pdf" if kind == "pdf" else "text/html; charset=utf-8",
            "Content-Disposition": content_disposition(made.name),
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }
        return request.make_response(printed, headers=headers)
