"""The three routes: who may ask, what the record says as plain values, and Odoo's own rules.

What is asked then is answered by ``otp_engine.esms``. The request's own transaction writes nothing
of ours, and ends before the engine is asked: Odoo rolls it back after an exception, and runs the
whole handler again after a lost race. What counts is committed by the store, in transactions of its
own, and an answer that was once given is given again.
"""

import hashlib
import logging
from functools import partial

from otp_engine.esms import contract, flow, hold
from otp_engine.esms.flow import NotAllowed
from otp_engine.esms.recipient import NoMobile

from odoo import api, http
from odoo.exceptions import AccessError, UserError
from odoo.http import request
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY, retrying
from odoo.tools import config

from ..models import limits, outbox
from ..models.ir_http import AUTH, CORS
from ..signing import cases, messages, sending, setting, signing

_logger = logging.getLogger(__name__)
_ROUTE = {"type": "jsonrpc", "auth": AUTH, "methods": ["POST"], "cors": CORS}


class EsmsOtpController(http.Controller):
    @http.route("/api/esms_otp/send_esms_otp", **_ROUTE)
    def send_esms_otp(self, **params):
        return _answer(contract.parse_send, _send, params)

    @http.route("/api/esms_otp/verify_esms_otp", **_ROUTE)
    def verify_esms_otp(self, **params):
        return _answer(contract.parse_verify, _verify, params, rejected=_hold)

    @http.route("/api/esms_otp/get_esms_otp_signature", **_ROUTE)
    def get_esms_otp_signature(self, **params):
        return _answer(contract.parse_get, _get, params)


def _answer(parse, serve, params, rejected=None):
    """Serve a request once, however often Odoo runs its handler."""
    asked = request.httprequest

    def answer():
        return flow.answered(
            parse,
            partial(_in_words, serve),
            params,
            asked.args,
            asked.get_data(),
            # Of the request's own transaction, before the engine is asked: Odoo runs it again.
            passing=PG_CONCURRENCY_EXCEPTIONS_TO_RETRY,
        )

    return flow.once(asked.environ, answer, rejected)


def _in_words(serve, asked):
    """Let what Odoo or a hook of the record refuses be an answer."""
    try:
        return serve(asked)
    except AccessError:  # what it says is for who may see it
        raise NotAllowed(contract.forbidden("You may not sign this field")) from None
    except UserError as refusal:  # in its own words
        raise NotAllowed(contract.forbidden(str(refusal))) from None


def _hold(came):
    """Let a rejection leave at its time: its worker waits, and no transaction with it."""
    milliseconds = setting(request.env, "rejection_hold", hold.DEFAULT, hold.MOST)
    _let_go()
    hold.until(came, milliseconds, config["workers"] - 1)


def _send(asked):
    record, policy = _allowed(asked)
    record._esms_otp_check_allowed(asked.field)
    if policy._is_over(record, asked.field):
        raise NotAllowed(contract.forbidden("This is signed already"))
    env, user, company = request.env, request.env.user, policy._company(record).sudo()
    answering = sending(env, policy, company)
    case = answering.in_order(_cases(asked, record, policy), sending=True)
    gateway, template, subject = messages(record, asked.field, user, policy, case.binding)
    if gateway is None:
        raise NotAllowed(contract.gateway_failed("none"))
    _let_go()
    return answering.send(case, gateway, template, subject=subject, redirect_url=asked.redirect_url)


def _verify(asked):
    record, policy = _allowed(asked)
    record._esms_otp_check_allowed(asked.field)
    if policy._is_over(record, asked.field):
        raise NotAllowed(contract.used_up())
    company, of_each = policy._company(record).sudo(), _cases(asked, record, policy)
    named = policy.with_context(lang=request.env.user.lang)._subject(record, asked.field)
    evidence = flow.evidence_of(
        asked,
        user_name=request.env.user.name,
        consent=named,  # what the message said is approved
        ip=request.httprequest.remote_addr or "",
        agent=request.httprequest.user_agent.string or "",
    )
    answering = signing(request.env, company, limits.of(request.env), once=policy.sign_once)
    uid, registry = request.env.uid, request.env.registry
    _let_go()
    answer = answering.verify(answering.in_order(of_each), asked, evidence)
    if answer["status"] == 200:
        _act(registry, uid, asked, answer["signature_id"])
    return answer


def _get(asked):
    record, policy = _allowed(asked, reading=True)
    company, content = policy._company(record).sudo(), policy._content(record, asked.field)
    images_of = request.env["esms.otp.signature"]._images_of()
    disclose = request.env["ir.config_parameter"].sudo().get_param("esms_otp.disclose")
    return signing(request.env, company, images_of=images_of).get(
        asked,
        request.env["esms.otp.cell"]._tenant(),
        user=request.env.uid,
        content=None if content is None else hashlib.sha256(content).digest(),
        mask=company.esms_otp_mask_recipient,
        disclose=bool(disclose),
    )


def _allowed(asked, reading=False):
    """Return record and policy, or answer that there is none or that the user may not.

    As the user, never as the superuser. What was signed stays readable when its policy is archived.
    """
    env = request.env
    model = env.get(asked.model)
    if model is None or model._abstract or model._transient:
        raise NotAllowed(contract.not_found("No such model"))
    field_ = model._fields.get(asked.field)
    if field_ is None:
        raise NotAllowed(contract.not_found("No such field"))
    record = model.browse(asked.id).exists()
    if not record or not record.has_access("read"):
        raise NotAllowed(contract.not_found("No such record"))
    policy = env["esms.otp.policy"]._for_field(record, asked.field, active_test=not reading)
    if not policy:
        raise NotAllowed(contract.forbidden("OTP is not allowed on this field"))
    access = "read" if reading else policy.access
    if not record.has_access(access) or not record._has_field_access(field_, access):
        raise NotAllowed(contract.forbidden("You may not sign this field"))
    return record, policy


def _let_go():
    """End the request's own transaction: it would be idle while engine and gateway work.

    All that it may hold is what the login wrote; after this the request writes through the store.
    """
    request.env.cr.commit()  # pylint: disable=invalid-commit


def _cases(asked, record, policy):
    try:
        return cases(record, asked.field, request.env.user, policy)
    except NoMobile as error:
        _logger.info("user %s cannot sign: %s", request.env.uid, error)
        refused = {"status": 400, "message": policy._lacks()}
        raise NotAllowed(refused) from None


def _act(registry, uid, asked, signature_id):
    """Do what follows a signature; it undoes nothing that was verified, and changes no answer."""
    _tell_record(registry, uid, asked, signature_id)
    try:
        outbox.run(registry, signature_id)
    except Exception:
        _logger.exception("what follows signature %s was not run", signature_id)


def _tell_record(registry, uid, asked, signature_id):
    """Call the record's hook in a transaction of its own; it undoes nothing that was verified."""
    try:
        with registry.cursor() as cr:
            env = api.Environment(cr, uid, dict(request.env.context))
            record = env[asked.model].browse(asked.id)
            signature = env["esms.otp.signature"].sudo().browse(signature_id)
            retrying(lambda: record._esms_otp_verified(asked.field, signature), env)
    except Exception:
        _logger.exception("after signature %s, %s(%s) failed", signature_id, asked.model, asked.id)
