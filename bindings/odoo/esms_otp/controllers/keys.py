"""The public halves of the keys that sign records and did before, for whoever verifies one."""

from odoo import http
from odoo.http import request

from ..engine import public_jwks


class EsmsOtpKeysController(http.Controller):
    @http.route(
        "/esms_otp/jwks.json", type="http", auth="public", methods=["GET"], save_session=False
    )
    def jwks(self):
        headers = {
            "Content-Type": "application/jwk-set+json",
            "Cache-Control": "max-age=300",
            "Access-Control-Allow-Origin": "*",
        }
        return request.make_response(public_jwks(), headers=headers)
