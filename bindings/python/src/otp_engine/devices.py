"""Devices under an engine: a code of the user's own device is good once, on any store."""

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from . import _bindings as c
from ._checks import entered, identifier, instance, several, text
from ._handle import Uncopied, opened, uncopied
from ._lib import lib, point, sized, view
from ._operations import Operations
from ._result import moment, text_of
from .binding import Binding, bound
from .challenge import (
    PUBLIC_REJECTIONS,
    REJECTIONS,
    EvidenceFault,
    PublicRejection,
    Rejection,
    read_fault,
    taken_record,
)
from .errors import check, unshown
from .evidence import Evidence
from .findings import Finding, Odds, read_findings, read_odds
from .oath import Hotp, Matched, Ocra, Totp, answer_inputs, far, near
from .records import SignatureRecord
from .store import Store


@uncopied
@dataclass(frozen=True, slots=True)
class Device(Uncopied):
    """One device of a user, as ``Engine.verify_devices`` takes several; its repr hides the PIN.

    ``look_ahead`` is how many counters more than the one expected are looked at, where it has a
    counter; ``window`` how many time steps around ours, where it has a clock. PIN, session and
    ``counter``, that of the first answer, are those of an OCRA suite: ValueError for another key.
    """

    _instead = "pass what its key is made of, and make a Device where it is needed"

    key: Hotp | Totp | Ocra
    look_ahead: int = 5
    window: int = 1
    pin: str | None = field(default=None, repr=False)
    pin_digest: bytes | None = field(default=None, repr=False)
    session: bytes | None = field(default=None, repr=False)
    counter: int = 0

    def _structure(self) -> c.otp_device:
        ahead, window = near(self.look_ahead, "look_ahead"), near(self.window, "window")
        made, key = sized(c.otp_device), self.key
        if not isinstance(key, (Hotp, Totp, Ocra)):
            raise TypeError(f"device must be Device, Hotp, Totp or Ocra, not {type(key).__name__}")
        handle = key._open()
        if isinstance(key, Ocra):
            inputs = answer_inputs(
                self.counter, self.pin, self.pin_digest, self.session, ahead, window
            )
            made.ocra = handle.address
            point(made, inputs=inputs)
        elif (self.pin, self.pin_digest, self.session, self.counter) != (None, None, None, 0):
            raise ValueError("pin, pin_digest, session and counter are those of an Ocra key")
        elif isinstance(key, Hotp):
            made.hotp, made.reach = handle.address, ahead
        else:
            made.totp, made.reach = handle.address, window
        made.kept = handle
        return made


@dataclass(frozen=True, slots=True)
class OathVerdict:
    """Whether a device's code was accepted; true only if it was.

    ``matched`` is the counter or time step of the code, ``drift`` how many steps it was ahead of
    our time, ``device`` which of the call's devices made it. ``record`` is the signature record,
    where the engine signs. ``rejection`` is for the trusted caller, ``public`` what an untrusted
    one may be told; ``evidence_fault`` what evidence is missing or does not fit.
    """

    accepted: bool
    rejection: Rejection | None = None
    public: PublicRejection | None = None
    attempts_left: int | None = None
    retry_at: datetime | None = None
    verified_at: datetime | None = None
    matched: Matched | None = None
    drift: int = 0
    device: int = 0
    record: SignatureRecord | None = None
    evidence_fault: EvidenceFault | None = None

    def __bool__(self) -> bool:
        return self.accepted


def read_verdict(out: c.otp_oath_verdict) -> OathVerdict:
    """Read what an engine decided."""
    if out.outcome == c.OTP_OUTCOME_ACCEPTED:
        return OathVerdict(
            True,
            verified_at=moment(out.verified_at),
            matched=Matched(out.matched) if out.has_matched else None,
            drift=out.drift,
            device=out.device,
            record=taken_record(out),
        )
    rejection: Rejection = REJECTIONS.get(out.rejection, "other")
    return OathVerdict(
        False,
        rejection,
        PUBLIC_REJECTIONS.get(out.public_rejection, "invalid"),
        out.attempts_left if rejection == "wrong" else None,
        moment(out.retry_at) if out.has_retry_at else None,
        evidence_fault=read_fault(out),
    )


class DeviceOperations(Operations):
    """What an engine does with the codes of users' own devices."""

    @unshown
    def verify_hotp(
        self,
        store: Store,
        binding: Binding,
        hotp: Hotp,
        code: str,
        look_ahead: int = 5,
        *,
        evidence: Evidence | None = None,
    ) -> OathVerdict:
        """Judge a HOTP code: good once, for all bindings of the tenant.

        Wrong guesses count for the device and its user, and against no code that was sent. The
        store must keep cells for ever. Where the engine signs, an accepted code leaves a record
        with this evidence, in the same commit; so with every device. After a raised epoch,
        ``rejection`` is "resynchronise" until two codes in a row told where the device is.
        """
        key, ahead = opened(hotp, Hotp, "hotp"), near(look_ahead, "look_ahead")
        data = entered(code)
        return self._judge(
            lib.otp_engine_verify_hotp,
            store,
            binding,
            evidence,
            key.address,
            data,
            len(data),
            ahead,
        )

    @unshown
    def resynchronise_hotp(
        self,
        store: Store,
        binding: Binding,
        hotp: Hotp,
        first: str,
        second: str,
        look_ahead: int = 1000,
        *,
        evidence: Evidence | None = None,
    ) -> OathVerdict:
        """Judge two HOTP codes in a row, of a device that is far ahead."""
        key, ahead = opened(hotp, Hotp, "hotp"), far(look_ahead, "look_ahead")
        pair = view(entered(first, "first")), view(entered(second, "second"))
        return self._judge(
            lib.otp_engine_resynchronise_hotp, store, binding, evidence, key.address, *pair, ahead
        )

    @unshown
    def verify_totp(
        self,
        store: Store,
        binding: Binding,
        totp: Totp,
        code: str,
        window: int = 1,
        *,
        evidence: Evidence | None = None,
    ) -> OathVerdict:
        """Judge a TOTP code by the engine's clock: good once, for all bindings of the tenant.

        Wrong guesses count for the device and its user, and against no code that was sent. The
        drift of the device's clock is learnt from several codes that agree.
        """
        key, steps = opened(totp, Totp, "totp"), near(window, "window")
        data = entered(code)
        return self._judge(
            lib.otp_engine_verify_totp,
            store,
            binding,
            evidence,
            key.address,
            data,
            len(data),
            steps,
        )

    @unshown
    def resynchronise_totp(
        self,
        store: Store,
        binding: Binding,
        totp: Totp,
        first: str,
        second: str,
        window: int = 100,
        *,
        evidence: Evidence | None = None,
    ) -> OathVerdict:
        """Judge two TOTP codes in a row, of a device whose clock is far off."""
        key, steps = opened(totp, Totp, "totp"), far(window, "window")
        pair = view(entered(first, "first")), view(entered(second, "second"))
        return self._judge(
            lib.otp_engine_resynchronise_totp, store, binding, evidence, key.address, *pair, steps
        )

    @unshown
    def ocra_question(self, binding: Binding, ocra: Ocra) -> str:
        """Return what a device is asked for this binding; the suite asks QH16 or longer."""
        engine, key, needed = self._open(), opened(ocra, Ocra, "ocra"), ctypes.c_size_t()
        to = bound(binding, engine.address, self._ring)
        buffer = ctypes.create_string_buffer(64)
        check(
            lib.otp_engine_ocra_question(
                engine.address, to.address, key.address, buffer, len(buffer), ctypes.byref(needed)
            )
        )
        return buffer.raw[: needed.value].decode()

    @unshown
    def verify_ocra(
        self,
        store: Store,
        binding: Binding,
        ocra: Ocra,
        code: str,
        *,
        pin: str | None = None,
        pin_digest: bytes | None = None,
        session: bytes | None = None,
        counter: int = 0,
        look_ahead: int = 5,
        window: int = 1,
        evidence: Evidence | None = None,
    ) -> OathVerdict:
        """Judge what a device answered to this binding's question: good once.

        ``counter`` is that of the device's first answer. Wrong guesses count for the device and its
        user, and against no code that was sent.
        """
        key, data = opened(ocra, Ocra, "ocra"), entered(code)
        inputs = answer_inputs(counter, pin, pin_digest, session, look_ahead, window)
        return self._judge(
            lib.otp_engine_verify_ocra, store, binding, evidence, key.address, ctypes.byref(inputs),
            data, len(data),
        )  # fmt: skip

    @unshown
    def verify_devices(
        self,
        store: Store,
        binding: Binding,
        devices: Sequence[Device | Hotp | Totp | Ocra],
        code: str,
        *,
        evidence: Evidence | None = None,
    ) -> OathVerdict:
        """Judge a text that may be a code of any of a user's devices, at most three: one attempt.

        ``device`` of the verdict says which one made it, by its place.
        """
        data, given = entered(code), _devices(devices)
        return self._judge(
            lib.otp_engine_verify_devices,
            store,
            binding,
            evidence,
            given,
            len(given),
            data,
            len(data),
        )

    @unshown
    def reset_device(
        self,
        store: Store,
        tenant: str,
        user: str | int,
        device: Device | Hotp | Totp | Ocra,
        reason: str,
    ) -> bool:
        """Reset a device; False if there was nothing to lift. For an administrator.

        Its lock and its guesses are forgotten, and what was learnt of its clock. What was used
        stays used: a counter, an answered question and the epoch do not fall; a time step falls to
        that of now and the window at most, so that a device whose clock was ahead and was put right
        is taken again one step more than the window later. Put the host's own clock right before:
        with one that is behind, the step falls to that clock's now, and codes that were used since
        then are good again for a moment. The observer gets the reason, 1 to 256 bytes of visible
        text.
        """
        owner, who = view(text(tenant, "tenant")), view(text(identifier(user, "user"), "user"))
        one, why = _devices([device]), view(text(reason, "reason"))
        return self._did(lib.otp_engine_reset_device, store, owner, who, one[0], why)

    def device_odds(self, devices: Sequence[Device | Hotp | Totp | Ocra]) -> Odds:
        """Tell the chance of guessing a code of one user's devices; per_code is of one guess."""
        engine, out, given = self._open(), sized(c.otp_odds), _devices(devices)
        check(lib.otp_engine_device_odds(engine.address, given, len(given), ctypes.byref(out)))
        return read_odds(out)

    def device_findings(self, devices: Sequence[Device | Hotp | Totp | Ocra]) -> list[Finding]:
        """Tell where devices, and the rate limits for them, deviate from the standards."""
        engine, given = self._open(), _devices(devices)
        lines = text_of(lib.otp_engine_device_findings, engine.address, given, len(given))
        return read_findings(lines)

    def _judge(
        self,
        operation: Callable[..., int],
        store: Store,
        binding: Binding,
        evidence: Evidence | None,
        *arguments: object,
    ) -> OathVerdict:
        views = None
        if evidence is not None:
            instance(evidence, Evidence, "evidence")
            views = ctypes.byref(evidence._structure())
        out = sized(c.otp_oath_verdict)
        return read_verdict(self._do_bound(operation, store, binding, out, *arguments, views))


def _devices(devices: Sequence[Device | Hotp | Totp | Ocra]) -> "ctypes.Array[ctypes.c_void_p]":
    """Return pointers to devices, which are kept for as long as the pointers are."""
    named = [
        (device if isinstance(device, Device) else Device(device))._structure()
        for device in several(devices, "devices")
    ]
    pointers = (ctypes.c_void_p * len(named))(*map(ctypes.addressof, named))
    pointers.kept = named  # type: ignore[attr-defined]
    return pointers
