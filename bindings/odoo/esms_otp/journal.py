"""What officers see of a challenge: one row each, the events of the engine, and the signatures.

Written by SQL in a transaction of its own, after the engine's answer. No decision ever reads it,
and a crash may leave it stale: the cells are the truth.
"""

import base64
import logging
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone

import otp_engine as otp
from otp_engine.esms import contract, signed_record
from otp_engine.esms.gateway import SendResult
from otp_engine.esms.journal import Journal, Kept, Row

from odoo.modules.registry import Registry
from odoo.sql_db import BaseCursor

from .projection import Projection
from .store import transaction

_logger = logging.getLogger(__name__)

_STATES = {"accepted": "verified", "exhausted": "exhausted", "cancelled": "cancelled"}
_ISSUED = """INSERT INTO esms_otp_generation (
    generation, model, field, res_id, user_id, company_id, recipient, state, sends, issued_at,
    expires_at, gateway_status, receipt_token, redirect_url, waiting_since)
VALUES (%(generation)s, %(model)s, %(field)s, %(res_id)s, %(user_id)s, %(company_id)s,
    %(recipient)s, 'pending', %(sends)s, %(issued_at)s, %(expires_at)s, '', %(receipt_token)s,
    %(redirect_url)s, now() AT TIME ZONE 'UTC')
ON CONFLICT (generation) DO UPDATE SET sends = EXCLUDED.sends, state = 'pending',
    gateway_status = '', redirect_url = EXCLUDED.redirect_url,
    waiting_since = EXCLUDED.waiting_since
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


_ROW_OF = "SELECT id, image FROM esms_otp_signature WHERE record = %s AND generation = %s"


class OdooJournal(Journal):
    """The journal of one company's codes.

    ``receipts`` is where the gateway leaves delivery receipts, with a token behind it; ``once``
    says that what is signed is not signed again, unless its content has changed. ``images_of`` is
    the user whose captured signatures alone are told; None: those of all.
    """

    def __init__(
        self,
        registry: Registry,
        company_id: int | None,
        receipts: str = "",
        once: bool = False,
        images_of: int | None = None,
    ) -> None:
        self._registry = registry
        self._company_id = company_id
        self._receipts = receipts
        self._once = once
        self._images_of = images_of

    def row(self, image: bytes | None) -> Row:
        """Return what writes the row of a signature."""
        return Projection(self._company_id, image, once=self._once)

    def row_of(self, record: otp.SignatureRecord) -> Kept | None:
        """Return the row of a record."""
        said = signed_record.payload(record.jws)
        generation = contract.generation_id(said["otp"]["id"])
        with transaction(self._registry) as cr:
            cr.execute(_ROW_OF, [record.jws, generation], log_exceptions=False)
            row = cr.fetchone()
        if row is None:
            return None
        is_told = row[1] and self._images_of in (None, int(said["who"]["user"]))
        return Kept(row[0], base64.b64decode(bytes(row[1])) if is_told else None)

    def issued(
        self,
        binding: otp.Binding,
        issued: otp.Issued,
        events: Sequence[otp.Event],
        redirect_url: str | None,
    ) -> str:
        """Write down a code that was made or is to be sent again; return where its receipt goes."""
        target = binding.target
        values = {
            "model": target.model,
            "field": target.field,
            "res_id": int(target.id),
            "user_id": int(binding.user),
            "company_id": self._company_id,
            "generation": contract.generation_id(issued.challenge_id),
            "recipient": next((event.recipient for event in events if event.recipient), ""),
            "sends": issued.send,
            "issued_at": _naive(issued.issued_at),
            "expires_at": _naive(issued.expires_at),
            "receipt_token": secrets.token_urlsafe(24),
            "redirect_url": redirect_url,
        }
        with transaction(self._registry) as cr:
            _log(cr, events, self._company_id)
            cr.execute(_SUPERSEDED, values, log_exceptions=False)
            cr.execute(_ISSUED, values, log_exceptions=False)
            return self._receipts + cr.fetchone()[0]

    def delivered(self, challenge_id: str, said: SendResult, events: Sequence[otp.Event]) -> None:
        """Write down what the gateway said."""
        if said.balance_low:
            _logger.warning("the balance of the OTP gateway of company %s is low", self._company_id)
        with transaction(self._registry) as cr:
            _log(cr, events, self._company_id)
            cr.execute(
                """UPDATE esms_otp_generation SET gateway_status = %s, gateway_reference = %s,
                waiting_since = NULL WHERE generation = %s""",
                [said.status, said.provider_id, contract.generation_id(challenge_id)],
                log_exceptions=False,
            )

    def left(self, challenge_id: str, send: int) -> None:
        """Write down that a send waits no more, whatever became of it."""
        with transaction(self._registry) as cr:
            cr.execute(
                """UPDATE esms_otp_generation SET waiting_since = NULL
                WHERE generation = %s AND sends = %s""",
                [contract.generation_id(challenge_id), send],
                log_exceptions=False,
            )

    def heard(self, events: Sequence[otp.Event], reason: str | None = None) -> None:
        """Write down events, and what they say of the state of a challenge.

        ``reason`` is an administrator's, of events that bring none of their own.
        """
        if not events:
            return
        with transaction(self._registry) as cr:
            _log(cr, events, self._company_id, reason)
            for event in events:
                state = _STATES.get(event.kind)
                if event.kind == "rejected" and event.rejection == "expired":
                    state = "expired"
                if state and event.challenge_id:
                    cr.execute(
                        "UPDATE esms_otp_generation SET state = %s WHERE generation = %s",
                        [state, contract.generation_id(event.challenge_id)],
                        log_exceptions=False,
                    )

    def redirect_url(self, challenge_id: str) -> str | None:
        """Return where the page goes after signing, as it was asked when the code was sent."""
        with transaction(self._registry) as cr:
            cr.execute(
                "SELECT redirect_url FROM esms_otp_generation WHERE generation = %s",
                [contract.generation_id(challenge_id)],
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
        target, challenge_id = event.target, event.challenge_id
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
            "generation": contract.generation_id(challenge_id) if challenge_id else None,
        }
        cr.execute(_LOGGED, values, log_exceptions=False)


def _naive(instant: datetime) -> datetime:
    """Return an instant as Odoo stores it: UTC, without a zone."""
    return instant.astimezone(timezone.utc).replace(tzinfo=None, microsecond=0)
