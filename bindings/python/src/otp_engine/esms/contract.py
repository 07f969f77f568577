"""The words of the three routes: parameters become a request, an answer a result.

A ``parse_*`` raises ``Bad``,
whose ``result`` is the answer; each other function returns the ``result`` member of one answer.
"""

import base64
import binascii
import json
import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as member
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from .._handle import Uncopied, uncopied

if TYPE_CHECKING:
    from otp_engine import Issued, Refusal, Status, Verdict

INVALID = "Invalid or expired OTP"
MAX_IMAGE = 2**20
MAX_NAME = 256  # bytes of UTF-8, as the engine's own bound
MAX_URL = 2048
FAILURES = {
    "full": "The store is full; try again later",
    "unavailable": "The store is not available; try again in a moment",
    "unknown": "The store gave no answer; try again to learn what was done",
    "contended": "Too many requests for the same record or user; try again in a moment",
    "missing_image": "The captured signature is missing in the store",
    "internal": "Internal error",
}

# Statuses that are no gateway's: no connection could be made, or the certificate is not trusted.
UNREACHED = ("conn", "tls")
# What is said where no gateway has answered.
_UNSENT = {
    "": "SMS gateway did not answer",
    **dict.fromkeys(UNREACHED, "SMS gateway could not be reached"),
    "none": "No SMS gateway is set up",
}

Result: TypeAlias = dict[str, Any]
T = TypeVar("T")
_Cast: TypeAlias = Callable[[str, object], T]


class Bad(ValueError):
    """A parameter is missing, malformed or contradictory; its text names it and never its value."""

    @property
    def result(self) -> Result:
        """The answer, status 400."""
        return {"status": 400, "message": str(self)}


@dataclass(frozen=True, slots=True)
class SendRequest:
    """What Send asks for; the number is never part of it."""

    model: str
    field: str
    id: int
    redirect_url: str | None


@uncopied
@dataclass(frozen=True, slots=True)
class VerifyRequest(Uncopied):
    """What Verify brings; its repr shows neither code nor image nor name, and it is not copied."""

    _instead = "pass the body and the query, and parse them where they are needed"

    model: str
    field: str
    id: int
    otp: str = member(repr=False)
    generation_id: str | None
    signature: bytes | None = member(repr=False)
    signer_name: str | None = member(repr=False)

    @property
    def challenge_id(self) -> str | None:
        """The engine's id of the challenge, if the client named one."""
        return self.generation_id[4:] if self.generation_id else None


@dataclass(frozen=True, slots=True)
class GetRequest:
    """The field whose newest signature is asked for."""

    model: str
    field: str
    id: int


Asked: TypeAlias = SendRequest | VerifyRequest | GetRequest
"""What a route is asked: each names a field of a record."""


def check_body(body: str | bytes) -> None:
    """Refuse a body of JSON that names a member twice in one object, at any depth.

    Python's own reader takes the last of the two without a word. What is no JSON is left to it.
    """

    def members(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names: set[str] = set()
        for name, _ in pairs:
            if name in names:
                raise Bad(f"{_told(name)} stands twice in the body")
            names.add(name)
        return dict(pairs)

    try:
        json.loads(body, object_pairs_hook=members)
    except Bad:
        raise
    except (ValueError, RecursionError):  # more digits than Python reads are a ValueError alone
        return


def params_of(body: str | bytes, content_type: str | None) -> object:
    """Return the ``params`` of a body of JSON, or what is wrong with it: ``parse_*`` raises that.

    For frameworks that read no JSON-RPC. ``content_type`` is the request's header: a browser sends
    other types to any site, with the cookie that is a login there.
    """
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind not in ("application/json", "application/json-rpc"):
        return Bad("content-type must be application/json")
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        read = None
    # No params at all is an empty object: all of them may stand in the query.
    return (
        read.get("params", {})
        if isinstance(read, dict)
        else Bad("the body must be JSON, an object with the member params")
    )


def parse_send(params: object, query: Mapping[str, str]) -> SendRequest:
    """Read the body's params and the URL's query of Send."""
    body = _object(params)
    _once(query)
    url = _agreed("redirect_url", body, query, _local_path)
    return SendRequest(*_where(body, query), url)


def parse_verify(params: object, query: Mapping[str, str]) -> VerifyRequest:
    """Read the body's params and the URL's query of Verify."""
    body = _object(params)
    _once(query)
    if "otp" in query:  # the URL stands in access logs
        raise Bad("otp must stand in the body, never in the query")
    where = _where(body, query)
    otp = body.get("otp")
    if otp is None or otp == "":
        raise Bad("otp is missing")
    if not isinstance(otp, str):  # a number has lost its leading zeros
        raise Bad("otp must be a string")
    return VerifyRequest(
        *where,
        otp,
        _optional("esms_otp_generation_id", body.get("esms_otp_generation_id"), _generation),
        _optional("signature", body.get("signature"), _image),
        _optional("signer_name", body.get("signer_name"), _name),
    )


def parse_get(params: object, query: Mapping[str, str]) -> GetRequest:
    """Read the body's params and the URL's query of Get signature."""
    body = _object(params)
    _once(query)
    return GetRequest(*_where(body, query))


def minutes_left(until: datetime, now: datetime) -> int:
    """Return the whole minutes that are left, at least one: nobody is told of more time than there
    is, but for the last minute. Take ``now`` before the engine is asked; it counts whole seconds.
    """
    return max(1, int((until - now.replace(microsecond=0)).total_seconds() // 60))


def sent(issued: "Issued", *, gateway_status: str, minutes: int, mask: bool) -> Result:
    """Answer a Send whose SMS the gateway took; ``minutes`` are those of its message."""
    return _live(
        "OTP generated successfully",
        issued.challenge_id,
        issued.expires_at,
        issued.recipient,
        gateway_status=gateway_status,
        minutes=minutes,
        mask=mask,
    )


def already_sent(
    refusal: "Refusal",
    *,
    challenge: "Status | None",
    recipient: str,
    mask: bool,
    now: datetime,
) -> Result:
    """Answer a Send that the engine refused, given how the challenge stands (``engine.status``).

    Within the cooldown of a live code it names the same code again. Where the gateway refused the
    last SMS there is nothing to wait for on the phone: that is a plain refusal.
    """
    live = (
        refusal.reason == "cooldown"
        and challenge is not None
        and challenge.challenge_id == refusal.challenge_id
        and challenge.state == "pending"
        and challenge.delivery != "failed"
    )
    if challenge is None or not live:
        return refused(refusal, now)
    return _again(challenge, refusal.retry_at, recipient=recipient, mask=mask, now=now)


def with_another(challenge: "Status", *, recipient: str, mask: bool, now: datetime) -> Result:
    """Answer a Send whose code another request has sent, or is sending."""
    return _again(challenge, challenge.next_send_at, recipient=recipient, mask=mask, now=now)


def _again(
    challenge: "Status", retry_at: datetime | None, *, recipient: str, mask: bool, now: datetime
) -> Result:
    return _live(
        "OTP already sent",
        challenge.challenge_id,
        challenge.expires_at,
        recipient,
        gateway_status="0" if challenge.delivery == "sent" else "",
        minutes=minutes_left(challenge.expires_at, now),
        mask=mask,
    ) | {"retry_after": _wait(retry_at, now)}


def refused(refusal: "Refusal", now: datetime) -> Result:
    """Answer a Send that is refused; ``retry_after`` is None where only an unlock helps."""
    locked = refusal.reason in ("exhausted", "locked")
    return {
        "status": 423 if locked else 429,
        "message": "Too many wrong attempts" if locked else "OTP send limit reached",
        "retry_after": _wait(refusal.retry_at, now),
    }


def gateway_failed(status: str) -> Result:
    """Answer a Send whose SMS the gateway refused, that reached none, or ("") nobody knows."""
    message = _UNSENT.get(status, "SMS gateway refused the message")
    return {"status": 502, "message": message, "esms_otp_response_status": status}


def verified(verdict: "Verdict", *, signature_id: int, redirect_url: str | None) -> Result:
    """Answer a Verify that was accepted."""
    if not verdict.accepted or verdict.challenge_id is None or verdict.verified_at is None:
        raise ValueError("the verdict must be an accepted one")
    return {
        "status": 200,
        "message": "OTP verified successfully",
        "esms_otp_generation_id": generation_id(verdict.challenge_id),
        "verified_at": utc(verdict.verified_at),
        "signature_id": signature_id,
        "redirect_url": redirect_url or False,
    }


def rejected(verdict: "Verdict", now: datetime) -> Result:
    """Answer a Verify that was rejected; one message for all that a guesser must not tell apart."""
    if verdict.accepted:
        raise ValueError("the verdict must be a rejected one")
    if verdict.rejection in ("exhausted", "locked"):
        return {
            "status": 423,
            "message": "Too many wrong attempts",
            "retry_after": _wait(verdict.retry_at, now),
        }
    if verdict.rejection == "evidence":
        fault = verdict.evidence_fault
        part, problem = ("evidence", "unfit") if fault is None else (fault.kind, fault.problem)
        name = {"image": "signature", "other": "evidence"}.get(part, part)
        why = {"missing": "is required", "too_large": "is too large"}.get(problem, "is not usable")
        return {"status": 400, "message": f"{name} {why}"}
    if verdict.rejection == "malformed":
        return {"status": 400, "message": "otp is malformed"}
    told = {} if verdict.attempts_left is None else {"attempts_left": verdict.attempts_left}
    return {"status": 400, "message": INVALID, **told}


def used_up() -> Result:
    """Answer a Verify of what is signed already, and is signed once: as of a code that is used."""
    return {"status": 400, "message": INVALID}


def signature(
    *,
    signature_id: int,
    challenge_id: str,
    verified_at: datetime,
    signer_name: str | None,
    image: bytes | None,
    recipient: str | None,
    jws: str | None,
    mask: bool,
    disclosures: Sequence[str] | None = None,
) -> Result:
    """Answer Get signature; what was never given or has been erased is False.

    So is the record of a signature that is older than the engine: nothing proves that one.
    ``disclosures``, where they are given, are told as ``signature_disclosures``: the details that
    the record commits to, which are the signer's own.
    """
    told = {} if disclosures is None else {"signature_disclosures": list(disclosures)}
    shown = _mask(recipient) if recipient and mask else recipient
    return {
        "status": 200,
        "message": "OTP signature retrieved successfully",
        "signer_name": signer_name or False,
        "signature": base64.b64encode(image).decode() if image else False,
        "signature_id": signature_id,
        "verified_at": utc(verified_at),
        "esms_otp_generation_id": generation_id(challenge_id),
        "recipient_mobile": shown or False,
        "signature_record": jws or False,
        **told,
    }


def not_found(message: str) -> Result:
    """Answer that there is no such model, field or record, or nothing signed yet."""
    return {"status": 404, "message": message}


def forbidden(message: str) -> Result:
    """Answer that the user may not act on this record or field, or that no policy allows it."""
    return {"status": 403, "message": message}


def failed(reference: str, failure: str = "internal") -> Result:
    """Answer that the engine or store failed; the reference names the line of the log.

    ``failure`` is one of ``FAILURES``: the client learns whether to wait, not the cause.
    """
    return {"status": 500, "message": FAILURES[failure], "reference": reference}


def generation_id(challenge_id: str) -> str:
    """Return the contract's name of a challenge."""
    return f"gen_{challenge_id}"


def utc(instant: datetime) -> str:
    """Write an instant as the contract does: UTC, whole seconds."""
    return instant.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def _live(
    message: str,
    challenge_id: str,
    expires_at: datetime,
    recipient: str,
    *,
    gateway_status: str,
    minutes: int,
    mask: bool,
) -> Result:
    return {
        "status": 200,
        "message": message,
        "esms_otp_generation_id": generation_id(challenge_id),
        "esms_otp_response_status": gateway_status,
        "duration": minutes,
        "expiration_time": utc(expires_at),
        "recipient_mobile": _mask(recipient) if mask else recipient,
    }


def _mask(number: str) -> str:
    """Hide a number but for four digits, and a short one whole."""
    shown = number[-4:] if len(number) >= 8 else ""
    return "*" * (len(number) - len(shown)) + shown


def _wait(until: datetime | None, now: datetime) -> int | None:
    """Return whole seconds, rounded up: who waits so long is admitted."""
    return None if until is None else max(1, math.ceil((until - now).total_seconds()))


# Odoo's own names have these; a NUL or a lone surrogate must not come as far as the database.
_NAME = re.compile(r"[A-Za-z0-9_.]{1,128}")
_ID = re.compile(r"[0-9]{1,10}")
_GENERATION = re.compile(r"gen_[0-7][0-9A-HJKMNP-TV-Z]{25}")
_DATA_URL = re.compile(r"data:image/(?:png|jpeg|jpg);base64,", re.IGNORECASE | re.ASCII)
# Unicode's White_Space: ``str.strip`` by itself takes four control characters more.
_WHITE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"  # noqa: E501
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
_MAX_BASE64 = -(-MAX_IMAGE // 3) * 4
_MAX_ID = 2**31 - 1  # of an Odoo record


def _object(params: object) -> Mapping[str, object]:
    if isinstance(params, Bad):
        raise params
    if not isinstance(params, Mapping):
        raise Bad("params must be an object")
    return params


def _once(query: Mapping[str, str]) -> None:
    """Refuse a query that says a name twice: as a mapping it leaves one value out without a word.

    Which one differs: werkzeug has the first, Starlette and Django the last.
    """
    # So werkzeug, Django and Starlette call it; then aiohttp and WebOb.
    values = getattr(query, "getlist", None) or getattr(query, "getall", None)
    if values is None:
        return
    for name in query:
        if len(values(name)) > 1:
            raise Bad(f"{_told(name)} stands twice in the query")


def _told(name: str) -> str:
    """Return how a member's name is told: it comes from outside."""
    return name if _NAME.fullmatch(name) else "a member"


def _where(body: Mapping[str, object], query: Mapping[str, str]) -> tuple[str, str, int]:
    return (
        _needed("model", body, query, _identifier),
        _needed("field", body, query, _identifier),
        _needed("id", body, query, _record_id),
    )


def _needed(name: str, body: Mapping[str, object], query: Mapping[str, str], cast: _Cast[T]) -> T:
    value = _agreed(name, body, query, cast)
    if value is None:
        raise Bad(f"{name} is missing")
    return value


def _agreed(
    name: str, body: Mapping[str, object], query: Mapping[str, str], cast: _Cast[T]
) -> T | None:
    """Return what body and query say of a name, which must be one thing."""
    said = [body.get(name), query.get(name)]
    values = {cast(name, value) for value in said if not _absent(value)}
    if len(values) > 1:
        raise Bad(f"{name} differs between body and query")
    return values.pop() if values else None


def _absent(value: object) -> bool:
    """Odoo's clients write False for what is not there."""
    return value is None or value is False or value == ""


def _optional(name: str, value: object, cast: _Cast[T]) -> T | None:
    return None if _absent(value) else cast(name, value)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise Bad(f"{name} must be a string")
    return value


def _identifier(name: str, value: object) -> str:
    text = _text(name, value)
    if not _NAME.fullmatch(text):
        raise Bad(f"{name} must be at most 128 letters, digits, underscores and dots")
    return text


def _record_id(name: str, value: object) -> int:
    if isinstance(value, str) and _ID.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MAX_ID:
        raise Bad(f"{name} must be a whole number from 1 to {_MAX_ID}")
    return value


def _local_path(name: str, value: object) -> str:
    """Refuse what a browser would read as another host: it takes a backslash for a slash, and
    leaves out tabs and line breaks before it reads.
    """
    text = _text(name, value)
    if len(text) > MAX_URL:
        raise Bad(f"{name} is {len(text)} characters; it must be at most {MAX_URL}")
    plain = all("!" <= char <= "~" and char != "\\" for char in text)
    if not plain or not text.startswith("/") or text.startswith("//"):
        raise Bad(f"{name} must be a local path in ascii such as /my/home")
    return text


def _generation(name: str, value: object) -> str:
    text = _text(name, value)
    known = text[:4] + text[4:].upper()
    # `upper` makes an S of a long s, which is another spelling.
    if not text.isascii() or not _GENERATION.fullmatch(known):
        raise Bad(f"{name} must be gen_ and 26 base32 characters")
    return known


def _name(name: str, value: object) -> str | None:
    text = _text(name, value).strip(_WHITE)
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise Bad(f"{name} holds a lone surrogate") from None
    if size > MAX_NAME:
        raise Bad(f"{name} is {size} bytes; it must be at most {MAX_NAME}")
    if any(unicodedata.category(char) == "Cc" for char in text):
        raise Bad(f"{name} holds a control character")
    return text or None


def _image(name: str, value: object) -> bytes:
    text = _text(name, value)
    too_large = f"{name} is too large; it must be at most {MAX_IMAGE} bytes decoded"
    if prefix := _DATA_URL.match(text):
        text = text[prefix.end() :]
    text = text.replace("\r", "").replace("\n", "")  # MIME encoders break lines
    if len(text) > _MAX_BASE64:
        raise Bad(too_large)
    try:
        image = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        image = None
    # One spelling: some Pythons let too much padding pass, and all of them bits that mean nothing.
    if image is None or base64.b64encode(image) != text.encode("utf-8", "replace"):
        raise Bad(f"{name} must be base64")
    if len(image) > MAX_IMAGE:
        raise Bad(too_large)
    if not image.startswith(_MAGIC):
        raise Bad(f"{name} must be a PNG or JPEG image")
    return image
