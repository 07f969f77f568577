"""The page on which a portal user signs a record field; its script talks to the three routes."""

from odoo import http
from odoo.http import request

from .. import contract
from .main import _allowed, _Answered


class EsmsOtpPortal(http.Controller):
    @http.route(
        "/my/esms_otp/<string:model>/<string:record>/<string:field>",
        type="http",
        auth="user",
        methods=["GET"],
        website=True,
        sitemap=False,
    )
    def esms_otp_sign(self, model, record, field, redirect_url=None, **_query):
        """Show the page; whoever may not sign here hears what a wrong address hears."""
        params = {"model": model, "field": field, "id": record, "redirect_url": redirect_url}
        try:
            asked = contract.parse_send(params, {})
            found, policy = _allowed(asked)
        except (contract.Bad, _Answered):
            return request.not_found()
        response = request.render(
            "esms_otp.portal_sign",
            {
                "asked": asked,
                "record": found,
                "field_label": found._fields[field]._description_string(request.env),
                "subject": found._esms_otp_subject(field),
                "policy": policy,
                "signer_name": request.env.user.name,
                "page_name": "esms_otp_sign",
            },
        )
        response.headers["Cache-Control"] = "no-store"
        # In a frame of another site, a click could be made to sign.
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Content-Security-Policy"] = "frame-ancestors 'none'"
        return response
