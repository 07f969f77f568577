from odoo import models
from odoo.http import request

from .. import faults

ROUTES = "/api/esms_otp/"


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _dispatch(cls, endpoint):
        path = request.httprequest.path
        if not path.startswith(ROUTES):
            return super()._dispatch(endpoint)
        faults.record_run(path)
        response = super()._dispatch(endpoint)
        if faults.strikes("raise_after"):
            raise RuntimeError("a planted fault after the handler")
        if faults.strikes("serialization_after"):
            faults.fail_serialization(request.env.cr)
        return response

    @classmethod
    def _post_dispatch(cls, response):
        if request.httprequest.path.startswith(ROUTES) and faults.strikes("post_dispatch"):
            faults.fail_serialization(request.env.cr)
        return super()._post_dispatch(response)
