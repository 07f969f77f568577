"""What officers see of a challenge: one row each, and the events of the engine.

Written by SQL in a transaction of its own, after the engine's answer. No decision ever reads it,
and a crash may leave it stale: the cells are the truth.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone

import otp_engine as otp

from odoo.modules.registry import Registry
from odoo.sql_db import BaseCursor

from .store import transaction

PREFIX = "gen_"
_STATES = {"accepted": "verified", "exhausted": "exhausted", "cancelled": "cancelled"}
_ISSUED = """INSERT INTO esms_otp_generation (
    generation, model, field, res_id, user_id, company_id, recipient, state, sends, issued_at,
    expires_at, gateway_status, receipt_token, redirect_url)
VALUES (%(generation)s, %(model)s, %(field)s, %(res_id)s, %(user_id)s, %(company_id)s,
    %(recipient)s, 'pending', %(sends)s, %(issued_at)s, %(expires_at)s, '', %(receipt_token)s,
    %(redirect_url)s)
ON CONFLICT (generation) DO UPDATE SET sends = EXCLUDED.sends, state = 'pending',
    gateway_status = '', redirect_url = EXCLUDED.redirect_url
RETURNING receipt_token"""
_SUPERSEDED = """UPDATE esms_otp_generation SET state = 'superseded'
WHERE model = %(model)s AND field = %(field)s AND res_id = %(res_id)s AND user_id = %(user_id)s
AND state = 'pending' AND generation <> %(generation)s"""
_LOGGED = """INSERT INTO esms_otp_log (
    at, kind, reason, count, mixed_scripts, refunded, user_id, company_id, model, field,
    res_id, recipient, generation)
VALUES (%(at)s, %(kind)s, %(reason)s, %(count)s, %(mixed_scripts)s, %(refunded)s,
    (SELECT id FROM res_users WHERE id = %(user_id)s), %(company_id)s, %(model)s, %(field)s,
    %(res_id)s, %(recipient)s, %(generation)s)"""


@dataclass(frozen=True)
class Place:
    """Where a challenge belongs."""

    model: str
    field: str
    res_id: int
    user_id: int
    company_id: int


def issued(
    registry: Registry,
    place: Place,
    issued: otp.Issued,
    events: Iterable[otp.Event],
    redirect_url: str | None,
) -> str:
    """Write down a code that was made or is to be sent again; return the token of its receipt."""
    events = list(events)
    values = {
        **vars(place),
        "generation": PREFIX + issued.challenge_id,
        "recipient": next((event.recipient for event in events if event.recipient), ""),
        "sends": issued.send,
        "issued_at": _naive(issued.issued_at),
        "expires_at": _naive(issued.expires_at),
        "receipt_token": secrets.token_urlsafe(24),
        "redirect_url": redirect_url,
    }
    with transaction(registry) as cr:
        _log(cr, events, place.company_id)
        cr.execute(_SUPERSEDED, values, log_exceptions=False)
        cr.execute(_ISSUED, values, log_exceptions=False)
        return cr.fetchone()[0]


def delivered(
    registry: Registry,
    generation: str,
    gateway_status: str,
    gateway_reference: str,
    events: Iterable[otp.Event],
    company_id: int,
) -> None:
    """Write down what the gateway said."""
    with transaction(registry) as cr:
        _log(cr, events, company_id)
        cr.execute(
            """UPDATE esms_otp_generation SET gateway_status = %s, gateway_reference = %s
            WHERE generation = %s""",
            [gateway_status, gateway_reference, generation],
            log_exceptions=False,
        )


def heard(
    registry: Registry,
    events: Iterable[otp.Event],
    company_id: int | None,
    reason: str | None = None,
) -> None:
    """Write down events, and what they say of the state of a challenge.

    ``reason`` is an administrator's, of events that bring none of their own.
    """
    events = list(events)
    if not events:
        return
    with transaction(registry) as cr:
        _log(cr, events, company_id, reason)
        for event in events:
            state = _STATES.get(event.kind)
            if event.kind == "rejected" and event.rejection == "expired":
                state = "expired"
            if state and event.challenge_id:
                cr.execute(
                    "UPDATE esms_otp_generation SET state = %s WHERE generation = %s",
                    [state, PREFIX + event.challenge_id],
                    log_exceptions=False,
                )


def redirect_url(registry: Registry, challenge_id: str) -> str | None:
    """Return where the page goes after signing, as it was asked when the code was sent."""
    with transaction(registry) as cr:
        cr.execute(
            "SELECT redirect_url FROM esms_otp_generation WHERE generation = %s",
            [PREFIX + challenge_id],
            log_exceptions=False,
        )
        row = cr.fetchone()
    return row[0] if row else None


def receipt(registry: Registry, token: str, state: str, at: datetime) -> bool:
    """Write down a delivery receipt; False if no challenge has this token."""
    with transaction(registry) as cr:
        cr.execute(
            "UPDATE esms_otp_generation SET receipt = %s, receipt_at = %s WHERE receipt_token = %s",
            [state, _naive(at), token],
            log_exceptions=False,
        )
        return cr.rowcount == 1


def _log(
    cr: BaseCursor,
    events: Iterable[otp.Event],
    company_id: int | None,
    reason: str | None = None,
) -> None:
    for event in events:
        target = event.target
        values = {
            "at": _naive(event.at),
            "kind": event.kind,
            "reason": event.refusal_reason or event.rejection or event.reset_reason or reason,
            "count": event.count,
            "mixed_scripts": event.mixed_scripts,
            "refunded": event.refunded,
            "user_id": int(event.user) if event.user else None,  # a number's own event has none
            "company_id": company_id,
            "model": target.model if target else None,
            "field": target.field if target else None,
            "res_id": int(target.id) if target else None,
            "recipient": event.recipient or None,
            "generation": PREFIX + event.challenge_id if event.challenge_id else None,
        }
        cr.execute(_LOGGED, values, log_exceptions=False)


def _naive(instant: datetime) -> datetime:
    """Return an instant as Odoo stores it: UTC, without a zone."""
    return instant.astimezone(timezone.utc).replace(tzinfo=None, microsecond=0)
