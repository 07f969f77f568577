"""What the three routes do once the host has allowed it: send, verify, get.

The host looks the record up as its user, gathers plain values, and ends its own transaction before
it calls: what counts is committed by the store, an answer is given after its commit, and a wrong
code is an answer, since an exception would roll something back.
"""

import logging
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, TypeAlias, TypeVar

import otp_engine as otp

from . import contract, hold, signed_record
from .contract import Result
from .events import hearing
from .gateway import Gateway, SendResult, Timeout
from .journal import Journal, Row
from .sending import Sending

_logger = logging.getLogger(__name__)
_ANSWER = "esms_otp.answer"
_REJECTED = (400, 423)

OpenStore: TypeAlias = Callable[[Row | None], AbstractContextManager[otp.Store]]
_Asked = TypeVar("_Asked")
_Written = TypeVar("_Written")


class NotAllowed(Exception):
    """There is an answer before the engine is asked, such as ``contract.forbidden``."""

    def __init__(self, result: Result) -> None:
        super().__init__(result["message"])
        self.result = result


class SignedAlready(otp.UnavailableError):
    """What is signed once was signed meanwhile: raised by a Row, which undoes its commit.

    Verify then answers as for a code that is used up.
    """


@dataclass(frozen=True, slots=True)
class Case:
    """One user who signs one field of one record, as the host allowed it."""

    binding: otp.Binding
    """What the code is good for, from record and user as they are now, and never the request."""
    policy: otp.Policy = field(default_factory=otp.Policy)
    """The limits of codes for this field."""
    mask: bool = False
    """Whether an answer shows the last four digits of the number alone."""


def lent(store: otp.Store) -> OpenStore:
    """Return the ``open_store`` of a store that its process keeps.

    A row is written by the store's ``beside``; one without it takes no journal that has rows.
    """

    @contextmanager
    def open_store(row: Row | None) -> Iterator[otp.Store]:
        if row is None:
            yield store
            return
        beside: Callable[[Row], otp.Store] | None = getattr(store, "beside", None)
        if beside is None:
            raise TypeError(f"{type(store).__name__} has no beside(row), which the journal needs")
        yield beside(row)

    return open_store


class Signing:
    """Answers what the contract asks; each answer is the ``result`` of one.

    ``engine`` signs records, and has ``observer=events.hear`` where the journal wants events.
    ``open_store`` lends a store for one operation, such as ``lent(store)``: given a row, one that
    calls it with its cursor and the write inside the commit of a signature record.
    ``wait`` is how long Send waits for the gateway, in seconds; the message goes out all the same.
    ``workers`` is how many processes the server forks that serve one request at a time: all of them
    but one may wait at once, for the gateway or for the time at which a rejection leaves. With 0
    each request has a thread of its own, and each may wait.

    Make one in each process, after any fork: engine and store belong to it.
    """

    def __init__(
        self,
        engine: otp.Engine,
        open_store: OpenStore,
        journal: Journal | None = None,
        *,
        wait: float = 2.0,
        workers: int = 0,
    ) -> None:
        self._engine, self._open_store = engine, open_store
        if workers < 0:
            raise ValueError(f"workers is {workers}; it must be 0 or more")
        self._wait, self._places = wait, workers - 1 if workers else None
        self._journal = Journal() if journal is None else journal

    def send(
        self,
        case: Case,
        gateway: Gateway,
        message: otp.MessageTemplate,
        *,
        subject: str = "",
        redirect_url: str | None = None,
    ) -> Result:
        """Send a code, or tell of the one that was sent; ``subject`` is what the message names.

        A message that does not fit is a ValueError before there is a code that nobody receives.
        """
        engine, policy = self._engine.with_policy(case.policy), case.policy
        sample = "0" * (policy.digits or policy.letters or 26)
        message.compose(sample, minutes=policy.validity // 60, subject=subject)
        challenge, asked_at = None, _now()
        with hearing() as events, self._open_store(None) as store:
            issued = engine.issue(store, case.binding)
            if not issued and issued.challenge_id:
                challenge = engine.status(store, case.binding)
        if not issued:
            _written(lambda: self._journal.heard(events))
            return contract.already_sent(
                issued,
                challenge=challenge,
                recipient=_recipient(case.binding),
                mask=case.mask,
                now=_now(),
            )
        receipt = _written(lambda: self._journal.issued(case.binding, issued, events, redirect_url))
        # The same code may go out again: what is left of it, and not what it had.
        minutes = contract.minutes_left(issued.expires_at, asked_at)
        text = message.compose(issued.code, minutes=minutes, subject=subject).text
        # What the gateway says is taken by this request if it comes in time, by the thread if not.
        sending = Sending(
            lambda: gateway.send(issued.recipient, text, receipt or ""),
            lambda late: self._report(engine, case, issued, late),
        )
        sending.start()
        with hold.place(hold.GATEWAY, self._places) as is_free:
            said = sending.wait(self._wait if is_free else 0)
        if said is None:  # on its way
            return contract.sent(issued, gateway_status="", minutes=minutes, mask=case.mask)
        self._report(engine, case, issued, said)
        if isinstance(said, Timeout):
            return contract.gateway_failed("")
        if isinstance(said, Exception):
            raise said
        if not said.ok:
            return contract.gateway_failed(said.status)
        return contract.sent(issued, gateway_status=said.status, minutes=minutes, mask=case.mask)

    def verify(
        self, case: Case, asked: contract.VerifyRequest, evidence: otp.Evidence | None = None
    ) -> Result:
        """Judge a code; ``evidence`` is by default what ``evidence_of`` makes of the request."""
        row = self._journal.row(asked.signature)
        given = evidence_of(asked) if evidence is None else evidence
        engine = self._engine.with_policy(case.policy)
        try:
            with hearing() as events, self._open_store(row) as store:
                verdict = engine.verify(store, case.binding, asked.otp, asked.challenge_id, given)
        except SignedAlready:
            return contract.used_up()
        _written(lambda: self._journal.heard(events))
        if not verdict:
            return contract.rejected(verdict, _now())
        challenge_id = verdict.challenge_id or ""
        url = _written(lambda: self._journal.redirect_url(challenge_id))
        number = verdict.record.sequence if verdict.record else 0
        signature_id = number if row is None else row.signature_id or number
        return contract.verified(verdict, signature_id=signature_id, redirect_url=url)

    def get(
        self,
        asked: contract.GetRequest,
        tenant: str,
        *,
        user: str | int,
        content: bytes | None = None,
        mask: bool = False,
        disclose: bool = False,
    ) -> Result:
        """Return the newest signature of a field, or a 404.

        ``user`` is who asks: the number of another is masked. ``content`` is the digest of what the
        record says now, if it has one: the message tells where it was changed since. With
        ``disclose`` the signer, and nobody else, is told what the record commits to: name, number,
        address. A host with signatures from before the engine answers with these where the status
        is 404.
        """
        with self._open_store(None) as store:
            target = otp.Target(asked.model, asked.field, str(asked.id))
            found = self._engine.latest_signature(store, tenant, target)
        if found is None:
            return contract.not_found("Nothing is signed yet")
        kept = self._journal.row_of(found)
        if kept is None:  # the two are written in one commit
            raise RuntimeError(f"the row of signature record {found.id} is missing or differs")
        said, details = signed_record.payload(found.jws), signed_record.details(found.disclosures)
        is_own = said["who"]["user"] == str(user)
        answer = contract.signature(
            signature_id=kept.signature_id,
            challenge_id=said["otp"]["id"],
            verified_at=datetime.fromtimestamp(said["iat"], timezone.utc),
            signer_name=details.get("typed") or details.get("name"),
            image=kept.image,
            recipient=details.get("number") or details.get("email"),
            jws=found.jws,
            mask=mask or not is_own,
            disclosures=found.disclosures if disclose and is_own else None,
        )
        signed = signed_record.content_digest(found.jws, found.disclosures)
        if None not in (content, signed) and content != signed:
            answer["message"] = "The record was changed after it was signed"
        return answer

    def hold_back(self, came: float, milliseconds: int = hold.DEFAULT) -> None:
        """Let a rejection leave at one time after its request came (``hold.until``)."""
        hold.until(came, milliseconds, self._places)

    def _report(
        self, engine: otp.Engine, case: Case, issued: otp.Issued, said: SendResult | Exception
    ) -> None:
        """Tell engine and journal what the gateway said; whatever fails, the message has left."""
        if isinstance(said, Exception):
            # Perhaps it was sent: nothing is refunded, and the cooldown keeps a second one back.
            _logger.warning("of a message nothing is known: %s", with_causes(said))
            return
        if not said.ok:
            failed = contract.gateway_failed(said.status)["message"]
            _logger.warning("%s: status %s, %s", failed, said.status, said.meaning)
        with hearing() as events:
            try:
                with self._open_store(None) as store:
                    engine.report_delivery(
                        store,
                        case.binding,
                        issued.challenge_id,
                        issued.send,
                        delivered=said.ok,
                        status=said.status,
                    )
            except Exception:
                _logger.exception("the report of a delivery was lost")
        _written(lambda: self._journal.delivered(issued.challenge_id, said, events))


def evidence_of(
    asked: contract.VerifyRequest,
    *,
    user_name: str = "",
    consent: str = "",
    ip: str = "",
    agent: str = "",
) -> otp.Evidence:
    """Return what a Verify leaves in the record, with the user's name and what the host saw.

    ``consent`` is the sentence that was shown as approved. ``ip`` and ``agent`` come from outside:
    of each text one line is kept, as long as it may be.
    """
    return otp.Evidence(
        signer_name=asked.signer_name,
        image=asked.signature,
        user_name=_line(user_name, 256) or None,
        consent=_line(consent, 2000) or None,
        ip=_line(ip, 64) or None,
        agent=_line(agent, 512) or None,
    )


def answered(
    parse: Callable[[object, Mapping[str, str]], _Asked],
    serve: Callable[[_Asked], Result],
    params: object,
    query: Mapping[str, str],
    body: str | bytes,
    *,
    passing: tuple[type[BaseException], ...] = (),
) -> Result:
    """Parse a request and serve it; whatever happens is an answer of the contract.

    ``parse`` is one of ``contract.parse_*``, ``body`` the request's as it came. What is no answer
    is logged and told by a reference to its line. Exceptions of ``passing`` are raised: those by
    which a framework runs a request again.
    """
    try:
        contract.check_body(body)
        return serve(parse(params, query))
    except (contract.Bad, NotAllowed) as early:
        return early.result
    except passing:
        raise
    except Exception as error:
        reference = secrets.token_hex(6)
        _logger.exception("esms_otp failed, reference %s", reference)
        return contract.failed(reference, _failure(error))


def once(
    environ: MutableMapping[str, Any],
    answer: Callable[[], Result],
    rejected: Callable[[float], None] | None = None,
) -> Result:
    """Answer a request once, however often a framework runs its handler.

    ``environ`` is the request's own and stays with it over the runs. ``rejected``, of Verify, is
    called where a code was not accepted, with the ``time.monotonic`` at which the request came: end
    its transaction there, and hold the answer by ``hold.until``.
    """
    if _ANSWER not in environ:
        came = time.monotonic()
        result = environ[_ANSWER] = answer()
        if rejected is not None and result["status"] in _REJECTED:
            rejected(came)
    kept: Result = environ[_ANSWER]
    return kept


def with_causes(error: BaseException) -> str:
    """Write an error with its kind and those of its causes, for a line of the log."""
    told: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(told) < 5:
        told.append(f"{type(cause).__name__}: {cause}")
        cause = cause.__cause__
    return ", caused by ".join(told)


def _failure(error: Exception) -> str:
    """Say by which of the contract's names a failure goes."""
    if isinstance(error, otp.FullError):
        return "full"
    if isinstance(error, otp.ContendedError):
        return "contended"
    if isinstance(error, otp.OtpError) and error.unknown:
        return "unknown"
    return "unavailable" if isinstance(error, otp.UnavailableError) else "internal"


def _written(write: Callable[[], _Written]) -> _Written | None:
    """Write into the journal; what fails there changes no answer."""
    try:
        return write()
    except Exception:
        _logger.exception("the journal of esms_otp lacks an entry")
        return None


def _recipient(binding: otp.Binding) -> str:
    return binding.email or otp.parse_mobile(binding.mobile or "")


def _line(text: str, most: int) -> str:
    """Return a text as the engine takes it: one line of so many bytes."""
    plain = "".join(char for char in text if char.isprintable())
    return plain.encode("utf-8", "ignore")[:most].decode("utf-8", "ignore")


def _now() -> datetime:
    return datetime.now(timezone.utc)
