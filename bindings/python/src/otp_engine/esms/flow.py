"""What the three routes do once the host has allowed it: send, verify, get.

The host looks the record up as its user, gathers plain values, and ends its own transaction before
it calls: what counts is committed by the store, an answer is given after its commit, and a wrong
code is an answer, since an exception would roll something back.
"""

import logging
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, TypeAlias, TypeGuard, TypeVar

import otp_engine as otp

from .._checks import shown
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
            raise ValueError(f"workers is {shown(workers)}; it must be 0 or more")
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

        A code that is live but never left is sent now: whoever issued it died before it did, or has
        not come to it. A message that does not fit is a ValueError before there is a code that
        nobody receives.
        """
        engine, policy = self._engine.with_policy(case.policy), case.policy
        sample = "0" * (policy.digits or policy.letters or 26)
        message.compose(sample, minutes=policy.validity // 60, subject=subject)
        standing = None
        with hearing() as events, self._open_store(None) as store:
            issued = engine.issue(store, case.binding)
            if not issued and issued.challenge_id:
                standing = engine.status(store, case.binding)
        job = _Job(engine, case, gateway, message, subject, redirect_url)
        if issued:
            job.challenge_id, job.send = issued.challenge_id, issued.send
            job.receipt = (
                _written(lambda: self._journal.issued(case.binding, issued, events, redirect_url))
                or ""
            )
        elif _has_not_left(standing, issued):
            job.challenge_id, job.send = standing.challenge_id, standing.sends
        else:
            _written(lambda: self._journal.heard(events))
            return self._already(case, standing, issued)
        # What the gateway says is taken by this request if it comes in time, by the thread if not.
        sending = Sending(lambda: self._hand_over(job), lambda late: self._take(job, late))
        sending.start()
        with hold.place(hold.GATEWAY, self._places) as is_free:
            came = sending.wait(self._wait if is_free else 0)
        if came is None:  # on its way
            if not issued:
                return self._already(case, standing, issued)
            return contract.sent(issued, gateway_status="", minutes=issued.minutes, mask=case.mask)
        if isinstance(came, Exception):
            raise came
        self._take(job, came)
        if isinstance(came, otp.ClaimRefusal):
            return self._with_another(engine, case, issued)
        said, minutes = came.said, came.claimed.minutes
        if isinstance(said, Timeout):
            return contract.gateway_failed("")
        if isinstance(said, Exception):
            raise said
        if said is not None and not said.ok:
            return contract.gateway_failed(said.status)
        status = "" if said is None else said.status
        return contract.sent(came.claimed, gateway_status=status, minutes=minutes, mask=case.mask)

    def deliver(
        self,
        case: Case,
        gateway: Gateway,
        message: otp.MessageTemplate,
        challenge_id: str,
        send: int,
        *,
        subject: str = "",
        redirect_url: str | None = None,
    ) -> otp.ClaimRefusal | None:
        """Send what no request came to send, as a host's queue names it, here and now.

        A queue keeps no code: a row names the challenge and the number of the send, as
        ``Journal.issued`` got them, and what ``case`` is made of anew. A refusal says that there is
        nothing to send, any more: drop the row. What is raised before the message left is the
        store's, and the row may be tried again.
        """
        engine = self._engine.with_policy(case.policy)
        job = _Job(engine, case, gateway, message, subject, redirect_url, challenge_id, send)
        came = self._hand_over(job)
        self._take(job, came)
        return came if isinstance(came, otp.ClaimRefusal) else None

    def report(self, case: Case, challenge_id: str, send: int, said: SendResult) -> None:
        """Report what a gateway said of a send that went out from a queue of the host's."""
        self._report(self._engine.with_policy(case.policy), case, challenge_id, send, said)

    def in_order(self, cases: Sequence[Case], *, sending: bool = False) -> Case:
        """Return which of one user's recipients is meant, of an order of one or more.

        It is the one whose code is live; where its message was refused and a code is to be sent,
        the one after it, and the last one stays. Without a live code it is the first. Each
        recipient has codes of its own: a record says where the code went.
        """
        for at, case in enumerate(cases if len(cases) > 1 else ()):
            with self._open_store(None) as store:
                standing = self._engine.with_policy(case.policy).status(store, case.binding)
            if standing is not None and standing.state == "pending":
                is_refused = sending and standing.delivery == "failed"
                return cases[min(at + is_refused, len(cases) - 1)]
        return cases[0]

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

    def _hand_over(self, job: "_Job") -> "_Handed | otp.ClaimRefusal":
        """Claim a send and hand its code to the gateway, where no other did: once for each send."""
        case = job.case
        with hearing() as events, self._open_store(None) as store:
            claimed = job.engine.claim_send(store, case.binding, job.challenge_id, job.send)
        if not claimed:
            return claimed
        if job.receipt is None:  # whoever issued it may not have come so far
            told, events = events, []
            job.receipt = _written(
                lambda: self._journal.issued(case.binding, claimed, told, job.redirect_url)
            )
        said: SendResult | Exception | None
        try:
            # The same code may go out again: what is left of it, and not what it had.
            text = job.message.compose(claimed.code, minutes=claimed.minutes, subject=job.subject)
            said = job.gateway.send(claimed.recipient, text.text, job.receipt or "")
        except Exception as error:
            said = error
        return _Handed(claimed, said, events)

    def _take(self, job: "_Job", came: "_Handed | otp.ClaimRefusal | Exception") -> None:
        """Take what became of a job: there is a report where a gateway has answered."""
        if isinstance(came, Exception):
            _logger.warning("a message was not sent: %s", with_causes(came))
        elif isinstance(came, _Handed):
            claimed, said = came.claimed, came.said
            self._report(
                job.engine, job.case, claimed.challenge_id, claimed.send, said, came.events
            )

    def _report(
        self,
        engine: otp.Engine,
        case: Case,
        challenge_id: str,
        send: int,
        said: SendResult | Exception | None,
        claiming: Sequence[otp.Event] = (),
    ) -> None:
        """Tell engine and journal what the gateway said; whatever fails, the message has left."""
        if said is None or isinstance(said, Exception):
            # Perhaps it was sent: nothing is refunded, and nobody claims it again.
            if said is not None:
                _logger.warning("of a message nothing is known: %s", with_causes(said))
            _written(lambda: self._journal.heard(claiming))
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
                        challenge_id,
                        send,
                        delivered=said.ok,
                        status=said.status,
                    )
            except Exception:
                _logger.exception("the report of a delivery was lost")
        told = [*claiming, *events]
        _written(lambda: self._journal.delivered(challenge_id, said, told))

    def _already(self, case: Case, standing: otp.Status | None, refusal: otp.Refusal) -> Result:
        """Answer that no code is sent now, and tell of the one that was."""
        return contract.already_sent(
            refusal,
            challenge=standing,
            recipient=_recipient(case.binding),
            mask=case.mask,
            now=_now(),
        )

    def _with_another(
        self, engine: otp.Engine, case: Case, issued: otp.Issued | otp.Refusal
    ) -> Result:
        """Answer a Send whose code another request, or a queue, claimed first."""
        with self._open_store(None) as store:
            standing = engine.status(store, case.binding)
        if not issued:
            return self._already(case, standing, issued)
        if standing is None or standing.state != "pending":
            raise otp.ContendedError("the code was called off before its message left")
        if standing.delivery == "failed":
            return contract.gateway_failed(standing.gateway_status)
        return contract.with_another(
            standing, recipient=issued.recipient, mask=case.mask, now=_now()
        )


@dataclass(slots=True)
class _Job:
    """One send of a challenge, whose code is nowhere: it is claimed where the message leaves."""

    engine: otp.Engine
    case: Case
    gateway: Gateway
    message: otp.MessageTemplate
    subject: str
    redirect_url: str | None
    challenge_id: str = ""
    send: int = 0
    receipt: str | None = None


@dataclass(frozen=True, slots=True)
class _Handed:
    """What became of a claimed send; None where a queue has it and will report."""

    claimed: otp.Issued = field(repr=False)
    said: SendResult | Exception | None
    events: Sequence[otp.Event]


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


def _has_not_left(standing: otp.Status | None, refusal: otp.Refusal) -> TypeGuard[otp.Status]:
    """Say whether the code that a cooldown holds back was never handed to a gateway."""
    return (
        standing is not None
        and standing.challenge_id == refusal.challenge_id
        and (standing.state, standing.delivery) == ("pending", "unreported")
        and refusal.reason == "cooldown"
    )


def _recipient(binding: otp.Binding) -> str:
    return binding.email or otp.parse_mobile(binding.mobile or "")


def _line(text: str, most: int) -> str:
    """Return a text as the engine takes it: one line of so many bytes."""
    plain = "".join(char for char in text if char.isprintable())
    return plain.encode("utf-8", "ignore")[:most].decode("utf-8", "ignore")


def _now() -> datetime:
    return datetime.now(timezone.utc)
