"""The engine: issues codes and judges what is entered."""

import ctypes
import itertools
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from . import _bindings as c
from . import _callbacks, _calls
from ._checks import entered, flag, identifier, instance, several, text, whole
from ._handle import Handle, closed_at_exit, made, opened
from ._lib import lib, point, sized, take_bytes, view
from ._result import text_of
from .binding import Binding, Bound, Target, bound, challenge_name, client_name
from .challenge import (
    ClaimRefusal,
    Failure,
    Issued,
    Refusal,
    ReportOutcome,
    Status,
    Submission,
    Verdict,
    read_claim,
    read_issued,
    read_report,
    read_status,
    read_verdict,
)
from .devices import DeviceOperations
from .errors import behind_ours, check, item_fault, refuse_reentry, unshown
from .event import Event
from .evidence import Evidence
from .findings import Finding, Odds, read_findings, read_odds
from .keys import KeyRing, SigningKey
from .policy import Policy, RateLimits
from .records import ChainHead, SignatureRecord
from .store import Store, StoreCheck, StoreKeys

_STORE_KEYS: dict[int, StoreKeys] = {
    c.OTP_STORE_KEYS_PROVEN: "proven",
    c.OTP_STORE_KEYS_BEGUN: "begun",
}
_Result = TypeVar("_Result")

# Out structures that no call is using. A call takes one out: a signal handler or a finalizer that
# runs between a call and its reading would write over one that is the thread's.
_issued_pool: list[tuple[c.otp_issued, int, memoryview]] = []
_verdict_pool: list[tuple[c.otp_verdict, int]] = []


def _new_issued() -> tuple[c.otp_issued, int, memoryview]:
    made = c.otp_issued(struct_size=ctypes.sizeof(c.otp_issued))
    code = memoryview(made).cast("B")[_CODE : _CODE + c.OTP_CODE_CAPACITY]
    return made, ctypes.addressof(made), code


def _new_verdict() -> tuple[c.otp_verdict, int]:
    made = c.otp_verdict(struct_size=ctypes.sizeof(c.otp_verdict))
    return made, ctypes.addressof(made)


class Engine(DeviceOperations):
    """Issues codes and judges what is entered; share one by all threads of a process.

    ``clock`` is a callable that returns unix seconds, for tests; ``observer`` one that takes an
    Event, after each commit. Make engines in each process, after any fork. A clock or observer that
    refers to its own engine keeps it alive: ``close()`` ends that.
    """

    _instead = "pass secrets and settings, and make an engine in each process"

    def __init__(
        self,
        keys: KeyRing,
        *,
        policy: Policy | None = None,
        rate_limits: RateLimits | None = None,
        signing_key: SigningKey | None = None,
        clock: Callable[[], float] | None = None,
        observer: Callable[[Event], object] | None = None,
    ) -> None:
        refuse_reentry()
        for called, name in ((clock, "clock"), (observer, "observer")):
            if called is not None and not callable(called):
                raise TypeError(f"{name} must be callable, not {type(called).__name__}")
        ring = opened(keys, KeyRing, "keys")
        signer = opened(signing_key, SigningKey, "signing_key") if signing_key is not None else None
        options = sized(c.otp_engine_options, fibers=1)
        if policy is not None:
            instance(policy, Policy, "policy")
            point(options, policy=policy._packed())
        if rate_limits is not None:
            instance(rate_limits, RateLimits, "rate_limits")
            point(options, rate_limits=rate_limits._packed())
        if signer is not None:
            options.signing_key = signer.address
        numbers = []
        for called, table, member in (
            (clock, options.clock, "now"),
            (observer, options.observer, "observe"),
        ):
            if called is not None:
                numbers.append(_callbacks.register(called))
                setattr(table, member, _callbacks.trampoline(member))
                table.user_data = numbers[-1]
                table.drop_user_data = _callbacks.trampoline("drop")
        out = ctypes.c_void_p()
        try:
            status = lib.otp_engine_new(ring.address, ctypes.byref(options), ctypes.byref(out))
            if out.value:  # its clock was asked already, and may have been interrupted
                self._handle = Handle(out.value, lib.otp_engine_free)
            check(status)
        except BaseException:
            for number in numbers:
                _callbacks._drop(number)
            raise
        self._ring = keys._ring
        self._calls_back = bool(numbers)
        if self._calls_back:
            closed_at_exit(self)

    def with_policy(self, policy: Policy) -> "Engine":
        """Make a cheap sibling: same keys, rate limits, clock, observer and slots."""
        handle = self._open()
        instance(policy, Policy, "policy")
        sibling, limits = Engine.__new__(Engine), policy._packed()
        sibling._handle = made(
            lib.otp_engine_with_policy, lib.otp_engine_free, handle.address, ctypes.byref(limits)
        )
        sibling._ring, sibling._calls_back = self._ring, self._calls_back
        if sibling._calls_back:
            closed_at_exit(sibling)
        return sibling

    def check_store(self, store: Store) -> StoreCheck:
        """Check that the store belongs to these keys: once at each start, before any other call.

        With another index secret every cell of a store is unknown: fresh limits for everybody, and
        nothing else would say so. The ``keys`` are "proven"; "begun" where the store was empty, and
        belongs to these keys from now on; "not proven" where it may lose cells, and so may have
        lost the canary that this looks at. Raises ForeignStoreError where another key ring began
        the store, and NoCanaryError where it holds cells and no canary, or cannot tell that it
        holds none: start on no exception. Proves the index secret alone, not the code secrets.
        """
        return self._ask_keys(lib.otp_engine_check_store, store)

    def adopt_store(self, store: Store) -> StoreCheck:
        """Take over a store from before there were canaries: once, by an administrator.

        Its cells must have been written with these keys, which nothing can check. They are "begun",
        or "proven" where that was done before. ForeignStoreError where another key ring began it.
        """
        return self._ask_keys(lib.otp_engine_adopt_store, store)

    def begin_store(self, store: Store) -> StoreCheck:
        """Begin a store anew with these keys, whatever it holds: for an administrator.

        This gives up every cell of other keys: limits and locks of everybody, live codes, and for
        ever the signature records and the last counters of devices, whose codes would be good
        again. It is the only way to exchange an index secret. Does nothing where the store has the
        canary of these keys, which are "proven" then.
        """
        return self._ask_keys(lib.otp_engine_begin_store, store)

    def _ask_keys(self, question: Callable[..., int], store: Store) -> StoreCheck:
        keys = self._do(question, store, ctypes.c_int32())
        return StoreCheck((_STORE_KEYS.get(keys.value, "not proven"),))

    def issue(self, store: Store, binding: Binding) -> Issued | Refusal:
        """Issue a code, or hand out the live one once more; send it after this returns."""
        engine = (not _calls.mine.inside and self._handle) or self._open()
        cells = (isinstance(store, Store) and store._handle) or opened(store, Store, "store")
        to = bound(binding, engine.address, self._ring)
        try:
            out = _issued_pool.pop()
        except IndexError:
            out = _new_issued()
        issued, address, code = out
        status = lib.otp_engine_issue(engine.address, cells.address, to.address, address)
        try:
            if status or self._calls_back or store._calls_back:
                check(status)
            answer = read_issued(issued)
        finally:
            code[:] = _BLANK
        _issued_pool.append(out)
        return answer

    def verify(
        self,
        store: Store,
        binding: Binding,
        code: str,
        challenge_id: str | None = None,
        evidence: Evidence | None = None,
    ) -> Verdict:
        """Judge the code that a person entered; the attempt is committed before this returns.

        A wrong code rejects, never raises: raising would roll back the caller's transaction. Nor
        does a ``challenge_id`` that is none: the client sent it.
        """
        engine = (not _calls.mine.inside and self._handle) or self._open()
        cells = (isinstance(store, Store) and store._handle) or opened(store, Store, "store")
        to = bound(binding, engine.address, self._ring)
        data = entered(code)
        try:
            out = _verdict_pool.pop()
        except IndexError:
            out = _new_verdict()
        read, address = out
        if evidence is None and challenge_id is None:
            status = lib.otp_engine_verify(
                engine.address, cells.address, to.address, data, len(data), address
            )
        else:
            submission = c.otp_submission(
                struct_size=ctypes.sizeof(c.otp_submission),
                binding=to.address,
                code=view(data),
                challenge_id=view(client_name(challenge_id)),
            )
            if evidence is not None:
                instance(evidence, Evidence, "evidence")
                point(submission, evidence=evidence._structure())
            status = lib.otp_engine_verify_submission(
                engine.address, cells.address, ctypes.byref(submission), address
            )
            del submission
        if status or self._calls_back or store._calls_back:
            del code, data  # what a report of the variables must not show
            try:
                check(status)
            except BaseException:
                if not status:  # an observer was interrupted: nobody will read the record
                    lib.otp_bytes_free(read.record)
                raise
        answer = read_verdict(read)
        _verdict_pool.append(out)
        return answer

    @unshown
    def claim_send(
        self, store: Store, binding: Binding, challenge_id: str, send: int
    ) -> Issued | ClaimRefusal:
        """Hand out the code of a send whose message waited in a queue, once; send it after this.

        The queue holds ``challenge_id`` and ``send`` as ``issue`` gave them, and no code: where a
        host claims, it claims every send and drops the code of ``issue``. The claim is committed
        first. Whoever dies after it leaves a send of which nothing is known and which nobody
        repeats; another ``issue`` makes another send. Attempts, limits and cooldown stay, and a
        claimed send takes its report. Pass the binding as it is now. Not for a route: clients know
        the ``challenge_id``.
        """
        named, number = view(challenge_name(challenge_id)), whole(send, "send", 1, 255)
        engine, cells = self._open(), opened(store, Store, "store")
        to = bound(binding, engine.address, self._ring)
        issued, address, code = _new_issued()
        try:
            check(
                lib.otp_engine_claim_send(
                    engine.address, cells.address, to.address, named, number, address
                )
            )
            return read_claim(issued)
        finally:
            code[:] = _BLANK

    @unshown
    def report_delivery(
        self,
        store: Store,
        binding: Binding,
        challenge_id: str,
        send: int,
        *,
        delivered: bool,
        status: str = "",
    ) -> ReportOutcome:
        """Report what the gateway said of a send; a refused one is refunded, once.

        ``status`` is the gateway's own, of which the first 5 printable ASCII characters are kept:
        the message is out, and no status may undo its report. After a time-out report nothing.
        """
        if not isinstance(status, str):
            raise TypeError(f"status must be str, not {type(status).__name__}")
        gateway = status.encode("ascii", "ignore").translate(None, _UNSHOWN)[:_STATUS]
        report = sized(
            c.otp_delivery_report,
            challenge_id=challenge_name(challenge_id),
            gateway_status=b"" if flag(delivered, "delivered") else gateway,
            send=whole(send, "send", 1, 255),
            delivered=int(delivered),
        )
        operation, said = lib.otp_engine_report_delivery, ctypes.c_int32()
        self._do_bound(operation, store, binding, said, ctypes.byref(report))
        return read_report(said.value)

    @unshown
    def cancel(self, store: Store, binding: Binding) -> bool:
        """Call off the live challenge; False if there was none for exactly this binding."""
        cancelled = self._do_bound(lib.otp_engine_cancel, store, binding, ctypes.c_int32())
        return cancelled.value == 1

    @unshown
    def status(self, store: Store, binding: Binding) -> Status | None:
        """Tell how the challenge of a binding stands; None if there is none."""
        out = sized(c.otp_challenge)
        return read_status(self._do_bound(lib.otp_engine_status, store, binding, out))

    def unlock(self, store: Store, tenant: str, user: str | int) -> bool:
        """Lift what wrong guesses put on a user; False if there was nothing to lift."""
        owner, who = view(text(tenant, "tenant")), view(text(identifier(user, "user"), "user"))
        return self._did(lib.otp_engine_unlock, store, owner, who)

    @unshown
    def reset_slot(self, store: Store, binding: Binding, reason: str) -> bool:
        """Lift what holds a slot up; False if there was nothing to lift. For an administrator.

        Used-up attempts, the lockout, cooldown, and what a clock that was far ahead left. A code
        that is out is called off; one that was used stays used. The observer gets the reason, 1 to
        256 bytes of visible text.
        """
        return self._reset(lib.otp_engine_reset_slot, store, binding, reason)

    @unshown
    def reset_recipient(self, store: Store, binding: Binding, reason: str) -> bool:
        """Forget what was sent to the binding's recipient and failed against it, over all users."""
        return self._reset(lib.otp_engine_reset_recipient, store, binding, reason)

    def reset_user(self, store: Store, tenant: str, user: str | int, reason: str) -> bool:
        """Lift a user's locks as ``unlock`` does, and the limit of sends with them."""
        owner, who = view(text(tenant, "tenant")), view(text(identifier(user, "user"), "user"))
        why = view(text(reason, "reason"))
        return self._did(lib.otp_engine_reset_user, store, owner, who, why)

    def _reset(
        self, reset: Callable[..., int], store: Store, binding: Binding, reason: str
    ) -> bool:
        why = view(text(reason, "reason"))
        return self._do_bound(reset, store, binding, ctypes.c_int32(), why).value == 1

    def purge(self, store: Store, limit: int = 1000, *, confirmed: bool = False) -> int:
        """Drop at most so many cells whose time is over; return how many.

        ClockAheadError where the clock is more than a day ahead of what is known of the store:
        nothing was dropped. An administrator who looked at the clock says ``confirmed=True``.
        """
        most, is_confirmed = whole(limit, "limit"), flag(confirmed, "confirmed")
        purge = lib.otp_engine_purge_confirmed if is_confirmed else lib.otp_engine_purge
        return self._do(purge, store, ctypes.c_uint64(), most).value

    def odds(self) -> Odds:
        """Tell the chance of guessing under this policy and these rate limits."""
        handle, out = self._open(), sized(c.otp_odds)
        check(lib.otp_engine_odds(handle.address, ctypes.byref(out)))
        return read_odds(out)

    def findings(self) -> list[Finding]:
        """Tell where policy and rate limits deviate from ASVS 5.0, NIST SP 800-63B-4 and PSD2."""
        handle = self._open()
        return read_findings(text_of(lib.otp_engine_findings, handle.address))

    def latest_signature(self, store: Store, tenant: str, target: Target) -> SignatureRecord | None:
        """Return the newest signature record of a target; None if nothing was signed."""
        records = self.signatures(store, tenant, target, limit=1)
        return records[0] if records else None

    def signatures(
        self, store: Store, tenant: str, target: Target, limit: int = 100
    ) -> list[SignatureRecord]:
        """Return the newest signature records of a target, newest first."""
        owner, named = _target(tenant, target)
        operation, most = lib.otp_engine_signatures, whole(limit, "limit")
        lines = self._text(operation, store, owner, ctypes.byref(named), most)
        return [SignatureRecord._read(line) for line in lines.splitlines()]

    def chain_head(self, store: Store, tenant: str, target: Target) -> ChainHead:
        """Return how many records a target has, and the digest of the newest: for an auditor."""
        owner, named = _target(tenant, target)
        operation, head = lib.otp_engine_chain_head, sized(c.otp_chain_head)
        return ChainHead._read(self._do(operation, store, head, owner, ctypes.byref(named)))

    def erase(
        self, store: Store, tenant: str, target: Target, sequence: int, details: Iterable[str]
    ) -> SignatureRecord | None:
        """Erase personal details of a record: name, typed, number, email, ip, agent, dig.

        ``sequence`` is the record's place among those of its target, from 1. Returns the record
        that is left, which verifies as before; None if there is none such. A name that the record
        does not have erases nothing, and is no error: list its ``disclosures`` first.
        """
        owner, named = _target(tenant, target)
        names = b",".join(text(detail, "details") for detail in several(details, "details"))
        request = sized(
            c.otp_erase_request,
            tenant=owner,
            target=named,
            sequence=whole(sequence, "sequence", 1),
            details=view(names),
        )
        line = self._text(lib.otp_engine_erase, store, ctypes.byref(request))
        return SignatureRecord._read(line) if line else None

    def _text(self, operation: Callable[..., int], store: Store, *arguments: object) -> str:
        out = self._do(operation, store, ctypes.c_void_p(), *arguments)
        return take_bytes(out.value).decode()

    @unshown
    def issue_many(
        self, store: Store, bindings: Sequence[Binding]
    ) -> list[Issued | Refusal | Failure]:
        """Issue up to 65,536 codes; a Failure of one stands in its place and undoes no other.

        All answers come with the last one: on a store that is slow or away, take small batches.
        What is no Exception, such as KeyboardInterrupt, ends the batch, and is raised.
        """
        engine, cells = self._open(), opened(store, Store, "store")
        wanted = several(bindings, "bindings", _MOST)
        for at, one in enumerate(wanted):
            if not isinstance(one, Binding):
                instance(one, Binding, f"bindings[{at}]")
        if self._calls_back or store._calls_back:  # what a callback raises belongs to its item
            return [_one(self.issue, store, binding) for binding in wanted]
        outs = (c.otp_issued * max(1, len(wanted)))()
        made = [bound(binding, engine.address, self._ring) for binding in wanted]
        addresses = (ctypes.c_void_p * max(1, len(made)))(*(to.address for to in made))
        try:
            check(
                lib.otp_engine_issue_many(
                    engine.address, cells.address, addresses, len(made),
                    ctypes.addressof(outs), ctypes.sizeof(c.otp_issued),
                )
            )  # fmt: skip
            return [
                Failure((item_fault(out.status, at),)) if out.status else read_issued(out)
                for at, out in enumerate(itertools.islice(outs, len(wanted)))
            ]
        finally:
            ctypes.memset(outs, 0, ctypes.sizeof(outs))

    @unshown
    def verify_many(
        self, store: Store, submissions: Sequence[Submission]
    ) -> list[Verdict | Failure]:
        """Judge up to 65,536 submissions; a Failure of one stands in its place.

        All answers come with the last one, as of ``issue_many``.
        """
        engine, cells = self._open(), opened(store, Store, "store")
        given = several(submissions, "submissions", _MOST)
        packed = []
        for at, one in enumerate(given):
            instance(one, Submission, f"submissions[{at}]")
            if not isinstance(one.binding, Binding):
                instance(one.binding, Binding, f"submissions[{at}].binding")
            to = bound(one.binding, engine.address, self._ring)
            name = client_name(one.challenge_id, f"submissions[{at}].challenge_id")
            views = None
            if one.evidence is not None:
                instance(one.evidence, Evidence, f"submissions[{at}].evidence")
                views = one.evidence._structure()
            packed.append((to, entered(one.code, f"submissions[{at}].code"), name, views))
        if self._calls_back or store._calls_back:
            return [
                _one(self.verify, store, one.binding, one.code, one.challenge_id, one.evidence)
                for one in given
            ]
        outs = (c.otp_verdict * max(1, len(given)))()
        run, kept = _submissions(packed)
        check(
            lib.otp_engine_verify_many(
                engine.address, cells.address, run, _SUBMISSION.size, len(given),
                ctypes.addressof(outs), ctypes.sizeof(c.otp_verdict),
            )
        )  # fmt: skip
        del kept
        return [
            Failure((item_fault(out.status, at),)) if out.status else read_verdict(out)
            for at, out in enumerate(itertools.islice(outs, len(given)))
        ]


def _one(call: Callable[..., _Result], *arguments: Any) -> _Result | Failure:
    """Answer one item of a batch."""
    try:
        return call(*arguments)
    except Exception as error:
        return Failure((error.with_traceback(behind_ours(error.__traceback__)),))


_MOST = 65_536  # of a batch
_CODE: int = c.otp_issued.code.offset
_BLANK = bytes(c.OTP_CODE_CAPACITY)
_STATUS: int = c.otp_delivery_report.gateway_status.size - 1
_UNSHOWN = bytes({*range(256)} - {*range(0x21, 0x7F)})


# An otp_submission: its size, the binding, the code, the challenge's name, evidence.
_SUBMISSION = struct.Struct("@NPPNPNP")
assert _SUBMISSION.size == ctypes.sizeof(c.otp_submission)


def _submissions(
    made: list[tuple[Bound, bytes, bytes, c.otp_evidence | None]],
) -> tuple[bytes, ctypes.c_char_p]:
    """Return the submissions of a batch one behind the other, and what must outlive them."""
    kept = ctypes.c_char_p(b"".join(code + name for _, code, name, _ in made))
    start, packed = ctypes.c_void_p.from_buffer(kept).value or 0, []
    for to, code, name, views in made:
        behind, given = start + len(code), 0 if views is None else ctypes.addressof(views)
        packed.append(_SUBMISSION.pack(0, to.address, start, len(code), behind, len(name), given))
        start = behind + len(name)
    return b"".join(packed), kept


def _target(tenant: str, target: Target) -> tuple[c.otp_view, c.otp_target]:
    instance(target, Target, "target")
    parts = [text(getattr(target, name), f"target.{name}") for name in ("model", "field", "id")]
    return view(text(tenant, "tenant")), c.otp_target(*map(view, parts))
