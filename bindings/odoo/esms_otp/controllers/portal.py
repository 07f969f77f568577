"""The pages on which a portal user signs record fields; their script talks to the three routes."""

from urllib.parse import quote

from otp_engine.esms import contract
from otp_engine.esms.flow import NotAllowed

from odoo import http
from odoo.addons.portal.controllers.portal import CustomerPortal
from odoo.http import content_disposition, request

from ..models.mixin import LISTED
from .main import _allowed

_PAGE = "/my/esms_otp/<string:model>/<string:record>/<string:field>"
_NAMED = {"type": "http", "auth": "user", "methods": ["GET"], "website": True, "sitemap": False}


class EsmsOtpPortal(CustomerPortal):
    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "esms_otp_count" in counters:
            values["esms_otp_count"] = len(_waiting())
        return values

    @http.route("/my/esms_otp", **_NAMED)
    def esms_otp_list(self, **_query):
        """List what waits for the user's signature, and what the user has signed."""
        signed = request.env["esms.otp.signature"].search(
            [("user_id", "=", request.env.uid)], limit=LISTED
        )
        signatures = [
            (_place(row.model, row.res_id, row.field), row)
            for row in signed
            if row.standing != "gone"
        ]
        values = {"waiting": _waiting(), "signatures": signatures, "page_name": "esms_otp"}
        return request.render("esms_otp.portal_list", values)

    @http.route(_PAGE, **_NAMED)
    def esms_otp_sign(self, model, record, field, redirect_url=None, **_query):
        """Show the page; who may not sign here gets the answer of a wrong address."""
        asked, found, policy = _asked(model, record, field, redirect_url)
        if found is None:
            return request.not_found()
        standing = found._esms_otp_standing(field)
        response = request.render(
            "esms_otp.portal_sign",
            {
                "asked": asked,
                "record": found,
                "field_label": found._fields[field]._description_string(request.env),
                "subject": found._esms_otp_subject(field),
                "shown": found._esms_otp_shown(field),
                "document": found.sudo()._esms_otp_document(field),
                "document_url": _place(model, record, field) + "/document",
                "policy": policy,
                "is_over": policy.sign_once and standing in ("current", "unbound"),
                "is_stale": standing == "stale",
                "signer_name": request.env.user.name,
                "page_name": "esms_otp_sign",
            },
        )
        response.headers["Cache-Control"] = "no-store"
        # In a frame of another site, a click could be made to sign.
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Content-Security-Policy"] = "frame-ancestors 'none'"
        return response

    @http.route(_PAGE + "/document", **_NAMED)
    def esms_otp_document(self, model, record, field, **_query):
        """Send the document that is approved, as it is signed."""
        _asked_for, found, _policy = _asked(model, record, field)
        document = found.sudo()._esms_otp_document(field) if found is not None else None
        if not document:
            return request.not_found()
        is_pdf = document.mimetype == "application/pdf"  # what else a browser runs is not shown
        headers = {
            "Content-Type": "application/pdf" if is_pdf else "application/octet-stream",
            "Content-Disposition": content_disposition(
                document.name, "inline" if is_pdf else "attachment"
            ),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "SAMEORIGIN",
            "Cache-Control": "no-store",
        }
        return request.make_response(document.raw, headers=headers)


def _asked(model, record, field, redirect_url=None):
    """Return what is asked for, its record and policy; no record where the user may not sign."""
    params = {"model": model, "field": field, "id": record, "redirect_url": redirect_url}
    try:
        asked = contract.parse_send(params, {})
        return asked, *_allowed(asked)
    except (contract.Bad, NotAllowed):
        return None, None, None


def _waiting():
    """Return the records that wait for the user: address, record and label of the field."""
    env, found = request.env, []
    for policy in env["esms.otp.policy"].sudo().search([]):
        model, name = env.get(policy.model_id.model), policy.field_id.name
        if model is None or name not in model._fields or not model.has_access("read"):
            continue
        label = model._fields[name]._description_string(env)
        for record in model._esms_otp_waiting(name)._filtered_access(policy.access):
            if env["esms.otp.policy"]._for_field(record, name) == policy:
                found.append((_place(model._name, record.id, name), record, label))
    return found[:LISTED]


def _place(model, record, field):
    return "/".join(
        ["/my/esms_otp", *(quote(str(part), safe="") for part in (model, record, field))]
    )
