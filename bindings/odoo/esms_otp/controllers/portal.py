"""The pages on which a portal user signs record fields; their script talks to the three routes."""

from urllib.parse import quote

from otp_engine.esms import contract
from otp_engine.esms.flow import NotAllowed

from odoo import fields, http
from odoo.http import content_disposition, request

from odoo.addons.portal.controllers.portal import CustomerPortal

from ..models.mixin import LISTED, Document
from .denial import Place, deny
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
            (_place(row.model, row.res_id, row.field), row, _signed_parts(row))
            for row in signed
            if row.standing != "gone"
        ]
        codes = [(_place(row.model, row.res_id, row.field), row) for row in _pending()]
        values = {
            "waiting": _waiting(),
            "signatures": signatures,
            "codes": codes,
            "has_certificate": "report.esms_otp.certificate" in request.env,
            "page_name": "esms_otp",
        }
        return request.render("esms_otp.portal_list", values)

    @http.route("/my/esms_otp/signed/<int:signature>/<string:part>", **_NAMED)
    def esms_otp_signed(self, signature, part, **_query):
        """Send its signer a part of a signature, for whoever verifies it."""
        row = request.env["esms.otp.signature"].search(
            [("id", "=", signature), ("user_id", "=", request.env.uid)]
        )
        parts = _signed_parts(row) if row else {}
        if part not in parts:
            raise request.not_found()
        return _sent(parts[part])

    @http.route(_PAGE, **_NAMED)
    def esms_otp_sign(self, model, record, field, redirect_url=None, **_query):
        """Show the page; who may not sign here gets the answer of a wrong address."""
        asked, found, policy = _asked(model, record, field, redirect_url)
        if found is None:
            raise request.not_found()
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
            raise request.not_found()
        return _sent(document)

    @http.route(_PAGE + "/not_me", **{**_NAMED, "methods": ["GET", "POST"]})
    def esms_otp_not_me(self, model, record, field, **_query):
        """Take a user's word that a code or a signature was not theirs."""
        place = [("model", "=", model), ("res_id", "=", record), ("field", "=", field)]
        mine = [*place, ("user_id", "=", request.env.uid)]
        found = [
            request.env[name].sudo().search(mine, limit=1)
            for name in ("esms.otp.generation", "esms.otp.signature")
            if record.isdecimal()
        ]
        row = next((row for row in found if row), None)
        if not row:
            raise request.not_found()
        is_told = request.httprequest.method == "POST"
        if is_told:
            deny(Place(model, field, row.res_id, request.env.uid, row.company_id.id))
        name = request.env["esms.otp.signature"].new({"model": model, "res_id": row.res_id})
        values = {"is_told": is_told, "name": name.record_name or "", "page_name": "esms_otp"}
        return request.render("esms_otp.portal_not_me", values)


def _sent(document):
    """Answer with a document; what else than a PDF a browser runs is not shown."""
    is_pdf = document.mimetype == "application/pdf"
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


def _signed_parts(row):
    """Return what a signer may take away of a signature, by name; what was changed is left out."""
    disclosures = (row.sudo().disclosures or "").splitlines()
    text = "~".join([row.record, *disclosures, ""]) if disclosures else row.record
    parts = {"record": Document(f"record_{row.id}.txt", text.encode(), "text/plain")}
    record = request.env[row.model].browse(row.res_id)
    if row.standing == "current" and record.has_access("read"):
        policy = request.env["esms.otp.policy"]._for_field(record, row.field, active_test=False)
        content = policy._content(record, row.field)
        document = record.sudo()._esms_otp_document(row.field)
        if document:
            parts["document"] = document
        if not document or content != document.raw:
            kind = "json" if content.startswith(b"{") else "txt"
            parts["approved"] = Document(f"approved_{row.id}.{kind}", content, "text/plain")
    return parts


def _pending():
    """Return the user's codes that may be good still."""
    now = fields.Datetime.now()
    return (
        request.env["esms.otp.generation"]
        .sudo()
        .search(
            [
                ("user_id", "=", request.env.uid),
                ("state", "=", "pending"),
                ("expires_at", ">", now),
            ],
            limit=LISTED,
        )
    )


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
                document = record.sudo()._esms_otp_document(name)
                found.append((_place(model._name, record.id, name), record, label, document))
    return found[:LISTED]


def _place(model, record, field):
    return "/".join(
        ["/my/esms_otp", *(quote(str(part), safe="") for part in (model, record, field))]
    )
