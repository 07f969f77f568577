import json
import re

from werkzeug.exceptions import Unauthorized, abort

from odoo import models
from odoo.http import Response, SessionExpiredException, request

from . import origins

#: What the three routes name as their `auth`.
AUTH = "esms_otp"
#: And as their `cors`, which Odoo takes for an origin: preflights come through by it, and it is no
#: origin, should it ever reach a browser.
CORS = "by-setting"
_BEARER = re.compile(r"bearer\s+\S", re.IGNORECASE)


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _auth_method_esms_otp(cls):
        """Log in by an API key in the header, or by the session.

        Odoo's own `bearer` takes no session of a page's script: it wants headers of a navigation.
        """
        if not _BEARER.match(request.httprequest.headers.get("Authorization", "")):
            cls._auth_method_user()
            return
        try:
            cls._auth_method_bearer()
        except Unauthorized as error:  # one answer for whoever is not logged in
            raise SessionExpiredException(error.description) from None

    @classmethod
    def _pre_dispatch(cls, rule, args):
        if rule.endpoint.routing.get("auth") != AUTH:
            return super()._pre_dispatch(rule, args)
        if request.httprequest.method == "OPTIONS":
            _answer_preflight()
        result = super()._pre_dispatch(rule, args)
        _name_origin(request.future_response.headers)
        _check_params()
        return result

    @classmethod
    def _handle_error(cls, exception):
        response = super()._handle_error(exception)
        # A page of another origin must be able to read that it is logged out.
        if request.httprequest.path.startswith("/api/esms_otp/") and isinstance(response, Response):
            _name_origin(response.headers)
        return response


def _name_origin(headers):
    """Let the caller's page read the answer, if its origin is one of the settings.

    Never with a session, which needs another header: from elsewhere one logs in by an API key.
    """
    origin = request.httprequest.headers.get("Origin")
    headers.set("Vary", "Origin")
    headers.pop("Access-Control-Allow-Origin", None)
    named = bool(origin) and origin in origins.allowed(request.env)
    if named:
        headers.set("Access-Control-Allow-Origin", origin)
    return named


def _answer_preflight():
    headers = request.future_response.headers
    if _name_origin(headers):
        headers.set("Access-Control-Allow-Methods", "POST")
        headers.set("Access-Control-Allow-Headers", "Authorization, Content-Type")
        headers.set("Access-Control-Max-Age", "3600")
    abort(Response(status=204))


def _check_params():
    """Answer here what Odoo would end at with a traceback: params that are no object."""
    try:
        body = request.get_json_data()
    except ValueError:
        return  # Odoo says so itself
    if not isinstance(body, dict) or isinstance(body.get("params", {}), dict):
        return
    result = {"status": 400, "message": "params must be an object"}
    answer = {"jsonrpc": "2.0", "id": body.get("id"), "result": result}
    abort(Response(json.dumps(answer), content_type="application/json; charset=utf-8"))
