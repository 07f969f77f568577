"""The three routes: who may ask, what the engine answers, and the message in between.

The request's own transaction writes nothing of ours, and ends before the engine is asked: Odoo
rolls it back after an exception, and runs the whole handler again after a lost race. What counts
is committed by the store, in transactions of its own, and an answer that was once given is given
again.
"""

import base64
import logging
import secrets
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import otp_engine as otp

from odoo import api, http
from odoo.exceptions import AccessError, UserError
from odoo.http import request
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY, retrying
from odoo.tools import config

from .. import contract, hold, journal, signed_record
from ..engine import engine, hearing, with_causes
from ..gateway import Timeout
from ..models import limits, outbox
from ..models.ir_http import AUTH, CORS
from ..models.signature import Projection, SignedAlready
from ..recipient import NoMobile
from ..sending import Sending
from ..store import opened, transaction

_logger = logging.getLogger(__name__)
_ANSWER = "esms_otp.answer"
#: The statuses by which a code is rejected, whatever the reason.
_REJECTED = (400, 423)
_ROUTE = {"type": "jsonrpc", "auth": AUTH, "methods": ["POST"], "cors": CORS}


class EsmsOtpController(http.Controller):
    @http.route("/api/esms_otp/send_esms_otp", **_ROUTE)
    def send_esms_otp(self, **params):
        return _once(contract.parse_send, _send, params)

    @http.route("/api/esms_otp/verify_esms_otp", **_ROUTE)
    def verify_esms_otp(self, **params):
        return _once(contract.parse_verify, _verify, params)

    @http.route("/api/esms_otp/get_esms_otp_signature", **_ROUTE)
    def get_esms_otp_signature(self, **params):
        return _once(contract.parse_get, _get, params)


class _Answered(Exception):
    """There is an answer before the engine was asked."""

    def __init__(self, result):
        super().__init__(result["message"])
        self.result = result


@dataclass(frozen=True)
class _Case:
    """All that a send or a verify needs, as plain values: the ORM is left alone after this."""

    place: journal.Place
    binding: otp.Binding
    limits: otp.Policy
    rate_limits: dict[str, int]
    minutes: int
    mask: bool
    recipient: str = field(repr=False)
    user_name: str = field(repr=False)


def _once(parse, serve, params):
    """Serve a request once, however often Odoo runs its handler."""
    environ = request.httprequest.environ
    if _ANSWER not in environ:
        came = time.monotonic()
        environ[_ANSWER] = _answer(parse, serve, params)
        if serve is _verify and environ[_ANSWER]["status"] in _REJECTED:
            _hold(came)
    return environ[_ANSWER]


def _hold(came):
    """Let a rejection leave at its time: its worker waits, and no transaction with it."""
    milliseconds = _setting(request.env, "rejection_hold", hold.DEFAULT, hold.MOST)
    _let_go()
    hold.until(came, milliseconds, config["workers"] - 1)


def _answer(parse, serve, params):
    try:
        contract.check_body(request.httprequest.get_data())
        return serve(parse(params, request.httprequest.args))
    except (contract.Bad, _Answered) as early:
        return early.result
    except AccessError:  # what it says is for who may see it
        return contract.forbidden("You may not sign this field")
    except UserError as refusal:  # of a hook of the record: an answer in its own words
        return contract.forbidden(str(refusal))
    except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
        raise  # of the request's own transaction, before the engine was asked: Odoo runs it again
    except Exception as error:
        reference = secrets.token_hex(6)
        _logger.exception("esms_otp failed, reference %s", reference)
        return contract.failed(reference, _failure(error))


def _failure(error):
    """Say by which of the contract's names a failure goes."""
    if isinstance(error, otp.FullError):
        return "full"
    if isinstance(error, otp.ContendedError):
        return "contended"
    if isinstance(error, otp.OtpError) and error.unknown:
        return "unknown"
    return "unavailable" if isinstance(error, otp.UnavailableError) else "internal"


def _send(asked):
    record, policy = _allowed(asked)
    record._esms_otp_check_allowed(asked.field)
    if policy._is_over(record, asked.field):
        raise _Answered(contract.forbidden("This is signed already"))
    case = _case(asked, record, policy)
    company = request.env["res.company"].sudo().browse(case.place.company_id)
    if not company.esms_otp_gateway_id.active:
        raise RuntimeError(f"company {company.id} has no OTP gateway")
    sender = company.esms_otp_gateway_id._sender()
    policy = policy.with_context(lang=request.env.user.lang)
    template, subject = policy._template(), policy._subject(record, asked.field)
    # What does not fit must show before there is a code that nobody receives.
    template.compose("0" * policy.digits, minutes=case.minutes, subject=subject)
    receipts = f"{policy.get_base_url()}/esms_otp/receipt/"
    wait = _setting(request.env, "gateway_wait", 2, 10)
    registry = request.env.registry
    _let_go()

    limited = engine(case.rate_limits).with_policy(case.limits)
    challenge, asked_at = None, _now()
    with hearing() as events, opened(registry) as store:
        issued = limited.issue(store, case.binding)
        if not issued and issued.challenge_id:
            challenge = limited.status(store, case.binding)
    if not issued:
        _write_down(journal.heard, registry, events, case.place.company_id)
        return contract.already_sent(
            issued,
            challenge=challenge,
            recipient=case.recipient,
            mask=case.mask,
            now=_now(),
        )

    token = _write_down(journal.issued, registry, case.place, issued, events, asked.redirect_url)
    # The same code may go out again: what is left of it, and not what it had.
    minutes = contract.minutes_left(issued.expires_at, asked_at)
    text = template.compose(issued.code, minutes=minutes, subject=subject).text
    to, reference = issued.recipient, receipts + token if token else ""
    # What the gateway says is taken by this request if it comes in time, by the thread if not.
    sending = Sending(
        lambda: sender.send(to, text, reference),
        lambda late: _report(registry, limited, case, issued, late),
    )
    sending.start()
    said = sending.wait(wait)
    if said is None:  # on its way
        return contract.sent(issued, gateway_status="", minutes=minutes, mask=case.mask)
    _report(registry, limited, case, issued, said)
    if isinstance(said, Timeout):
        return contract.gateway_failed("")
    if isinstance(said, Exception):
        raise said
    if not said.ok:
        return contract.gateway_failed(said.status)
    return contract.sent(issued, gateway_status=said.status, minutes=minutes, mask=case.mask)


def _report(registry, limited, case, issued, said):
    """Tell engine and officers what the gateway said; whatever fails, the message has left."""
    if isinstance(said, Exception):
        # Perhaps it was sent: nothing is refunded, and the cooldown keeps a second one back.
        _logger.warning("of a message nothing is known: %s", with_causes(said))
        return
    if said.balance_low:
        _logger.warning(
            "the balance of the OTP gateway of company %s is low", case.place.company_id
        )
    if not said.ok:
        _logger.warning("the OTP gateway refused a message: %s", said.meaning)
    events = []
    try:
        with hearing() as events, opened(registry) as store:
            limited.report_delivery(
                store,
                case.binding,
                issued.challenge_id,
                issued.send,
                delivered=said.ok,
                status=said.status[:5],
            )
    except otp.OtpError:
        _logger.exception("the report of a delivery was lost")
    _write_down(
        journal.delivered,
        registry,
        journal.PREFIX + issued.challenge_id,
        said.status,
        said.provider_id,
        events,
        case.place.company_id,
    )


def _verify(asked):
    record, policy = _allowed(asked)
    record._esms_otp_check_allowed(asked.field)
    over = {"status": 400, "message": contract.INVALID}  # as of a code that is used
    if policy._is_over(record, asked.field):
        raise _Answered(over)
    case = _case(asked, record, policy)
    evidence = otp.Evidence(
        signer_name=asked.signer_name,
        image=asked.signature,
        user_name=_line(case.user_name, 256),
        ip=_line(request.httprequest.remote_addr or "", 64) or None,
        agent=_line(request.httprequest.user_agent.string or "", 512) or None,
    )
    registry = request.env.registry
    row = Projection(case.place.company_id, asked.signature, once=policy.sign_once)
    _let_go()

    limited = engine(case.rate_limits).with_policy(case.limits)
    try:
        with hearing() as events, opened(registry, row) as store:
            verdict = limited.verify(store, case.binding, asked.otp, asked.challenge_id, evidence)
    except SignedAlready:  # between the question above and the commit
        raise _Answered(over) from None
    _write_down(journal.heard, registry, events, case.place.company_id)
    if not verdict:
        return contract.rejected(verdict, _now())
    url = _write_down(journal.redirect_url, registry, verdict.challenge_id)
    _tell_record(registry, case.place, row.signature_id)
    _write_down(outbox.run, registry, row.signature_id)
    return contract.verified(verdict, signature_id=row.signature_id, redirect_url=url)


def _get(asked):
    record, _policy = _allowed(asked, reading=True)
    tenant = request.env["esms.otp.cell"]._tenant()
    mask = request.env["esms.otp.policy"]._company(record).sudo().esms_otp_mask_recipient
    uid, registry = request.env.uid, request.env.registry
    with opened(registry) as store:
        target = otp.Target(asked.model, asked.field, str(asked.id))
        found = engine().latest_signature(store, tenant, target)
    if found is None:
        return contract.not_found("Nothing is signed yet")
    said, details = signed_record.payload(found.jws), signed_record.details(found.disclosures)
    standing = record._esms_otp_compared(
        asked.field, signed_record.content_digest(found.jws, found.disclosures)
    )
    with transaction(registry) as cr:
        cr.execute(
            "SELECT id, image FROM esms_otp_signature WHERE record = %s AND generation = %s",
            [found.jws, journal.PREFIX + said["otp"]["id"]],
            log_exceptions=False,
        )
        row = cr.fetchone()
    if row is None:  # the two are written in one commit
        raise RuntimeError(f"the row of signature record {found.id} is missing or differs")
    signature_id, image = row
    answer = contract.signature(
        signature_id=signature_id,
        challenge_id=said["otp"]["id"],
        verified_at=datetime.fromtimestamp(said["iat"], timezone.utc),
        signer_name=details.get("typed") or details.get("name"),
        image=base64.b64decode(bytes(image)) if image else None,
        recipient=details.get("number"),
        jws=found.jws,
        mask=mask or said["who"]["user"] != str(uid),
    )
    if standing == "stale":
        answer["message"] = "The record was changed after it was signed"
    return answer


def _allowed(asked, reading=False):
    """Return record and policy, or answer that there is none or that the user may not.

    As the user, never as the superuser. What was signed stays readable when its policy is archived.
    """
    env = request.env
    model = env.get(asked.model)
    if model is None or model._abstract or model._transient:
        raise _Answered(contract.not_found("No such model"))
    field_ = model._fields.get(asked.field)
    if field_ is None:
        raise _Answered(contract.not_found("No such field"))
    record = model.browse(asked.id).exists()
    if not record or not record.has_access("read"):
        raise _Answered(contract.not_found("No such record"))
    policy = env["esms.otp.policy"]._for_field(record, asked.field, active_test=not reading)
    if not policy:
        raise _Answered(contract.forbidden("OTP is not allowed on this field"))
    access = "read" if reading else policy.access
    if not record.has_access(access) or not record._has_field_access(field_, access):
        raise _Answered(contract.forbidden("You may not sign this field"))
    return record, policy


def _let_go():
    """End the request's own transaction: it would be idle while engine and gateway work.

    All that it may hold is what the login wrote; after this the request writes through the store.
    """
    request.env.cr.commit()  # pylint: disable=invalid-commit


def _case(asked, record, policy):
    env, company = request.env, policy._company(record).sudo()
    try:
        binding = policy._binding(record, asked.field, env.user, env["esms.otp.cell"]._tenant())
        recipient = policy._mobile(env.user)
    except NoMobile as error:
        _logger.info("user %s cannot sign: %s", env.uid, error)
        raise _Answered(
            {"status": 400, "message": "No usable mobile number is registered"}
        ) from None
    return _Case(
        place=journal.Place(asked.model, asked.field, asked.id, env.uid, company.id),
        binding=binding,
        limits=policy._limits(),
        rate_limits=limits.of(env),
        minutes=policy.minutes,
        mask=company.esms_otp_mask_recipient,
        recipient=recipient,
        user_name=env.user.name,
    )


def _write_down(write, *what) -> Any:
    """Write into the journal; what fails there changes no answer."""
    try:
        return write(*what)
    except Exception:
        _logger.exception("the journal of esms_otp lacks an entry")
        return None


def _tell_record(registry, place, signature_id):
    """Call the record's hook in a transaction of its own; it undoes nothing that was verified."""
    try:
        with registry.cursor() as cr:
            env = api.Environment(cr, place.user_id, dict(request.env.context))
            record = env[place.model].browse(place.res_id)
            signature = env["esms.otp.signature"].sudo().browse(signature_id)
            retrying(lambda: record._esms_otp_verified(place.field, signature), env)
    except Exception:
        _logger.exception(
            "after signature %s, %s(%s) failed", signature_id, place.model, place.res_id
        )


def _line(text, most):
    """Return a text as the engine takes it: one line of so many bytes. It comes from outside."""
    plain = "".join(char for char in text if char.isprintable())
    return plain.encode("utf-8", "ignore")[:most].decode("utf-8", "ignore")


def _setting(env, name, default, most):
    """Return a number from 0, a setting: a hand may have spoilt it."""
    text = env["ir.config_parameter"].sudo().get_param(f"esms_otp.{name}", default)
    try:
        return min(max(int(text), 0), most)
    except ValueError:
        return default


def _now():
    return datetime.now(timezone.utc)
