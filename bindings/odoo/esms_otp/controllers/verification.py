"""The page on which anyone verifies a signature, in the browser and without this server's help."""

from odoo import http
from odoo.http import request

from ..engine import NotConfigured, public_jwks

# What is verified leaves the browser by no way: the page connects to nothing, loads no picture and
# sends no form. The keys are written into it.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'none'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


class EsmsOtpVerification(http.Controller):
    @http.route("/esms_otp/verify", type="http", auth="public", methods=["GET"], save_session=False)
    def verification(self, **_query):
        try:
            keys = public_jwks()
        except NotConfigured:
            keys = ""  # the page says so
        language = (request.env.lang or "en_US").partition("@")[0].replace("_", "-")
        values = {"keys": keys, "language": language}
        response = request.render("esms_otp.verification", values)
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"
        return response
