"""Delivery receipts of the gateway, which cannot log in: an unguessable token in the path."""

from datetime import datetime, timedelta, timezone

from odoo import http
from odoo.http import request

from .. import journal

_STATES = ("DELIVRD", "UNDELIV", "EXPIRED")
_GATEWAY_TIME = timezone(timedelta(hours=8))


class EsmsOtpReceiptController(http.Controller):
    @http.route(
        "/esms_otp/receipt/<string:token>",
        type="http",
        auth="public",
        methods=["GET"],
        csrf=False,
        save_session=False,
    )
    def receipt(self, token, s="", t="", **_):
        # A receipt informs officers and no one else: nothing is refunded on its word. The same
        # answer for all, since the gateway repeats what it takes for a failure.
        if s in _STATES and token.isascii() and len(token) == 32:
            journal.receipt(request.env.registry, token, s, _moment(t))
        return request.make_response("", status=204)


def _moment(text):
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=_GATEWAY_TIME)
    except ValueError:
        return datetime.now(timezone.utc)
