"""Devices under an engine: a code of the user's own device is good once, on any store."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from . import _bindings as c
from ._checks import count, entered, several, text
from ._handle import Owner, opened, out_pointer
from ._lib import lib, take_bytes, view
from ._result import moment
from .binding import Binding, bound
from .challenge import PUBLIC_REJECTIONS, REJECTIONS, PublicRejection, Rejection
from .errors import check, unshown
from .oath import (
    Hotp,
    Matched,
    Ocra,
    Totp,
    answer_inputs,
)
from .store import Store


@dataclass(frozen=True, slots=True)
class Device:
    """One device of a user, as ``Engine.verify_devices`` takes several; its repr hides the PIN.

    ``look_ahead`` is how many counters more than the one expected are looked at, where it has a
    counter; ``window`` how many time steps around ours, where it has a clock. PIN and session are
    those of an OCRA suite, ``counter`` is that of its first answer.
    """

    key: Hotp | Totp | Ocra
    look_ahead: int = 5
    window: int = 1
    pin: str | None = field(default=None, repr=False)
    pin_digest: bytes | None = field(default=None, repr=False)
    session: bytes | None = field(default=None, repr=False)
    counter: int = 0

    def _structure(self) -> tuple[c.otp_device, list[object]]:
        """Return the device, and what must be kept for as long as it is used."""
        ahead, window = count("look_ahead", self.look_ahead), count("window", self.window)
        made = c.otp_device(struct_size=ctypes.sizeof(c.otp_device))
        kept: list[object] = [made]
        if isinstance(self.key, Hotp):
            handle, made.reach = opened(self.key, Hotp, "key"), ahead
            made.hotp = handle.address
        elif isinstance(self.key, Totp):
            handle, made.reach = opened(self.key, Totp, "key"), window
            made.totp = handle.address
        else:
            handle = opened(self.key, Ocra, "key")
            made.ocra = handle.address
            inputs, held = answer_inputs(self.counter, self.pin, self.pin_digest, self.session)
            inputs.look_ahead, inputs.window = ahead, window
            made.inputs = ctypes.addressof(inputs)
            kept += [inputs, held]
        return made, [*kept, handle]


@dataclass(frozen=True, slots=True)
class OathVerdict:
    """Whether a device's code was accepted; true only if it was.

    ``matched`` is the counter or time step of the code, ``drift`` how many steps it was ahead of
    our time, ``device`` which of the call's devices made it. ``rejection`` is for the trusted
    caller, ``public`` what an untrusted one may be told.
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

    def __bool__(self) -> bool:
        return self.accepted


def new_verdict() -> c.otp_oath_verdict:
    """Return a place for an engine to write its verdict."""
    return c.otp_oath_verdict(struct_size=ctypes.sizeof(c.otp_oath_verdict))


def read_verdict(out: c.otp_oath_verdict) -> OathVerdict:
    """Read what an engine decided."""
    if out.outcome == c.OTP_OUTCOME_ACCEPTED:
        return OathVerdict(
            True,
            verified_at=moment(out.verified_at),
            matched=Matched(out.matched) if out.has_matched else None,
            drift=out.drift,
            device=out.device,
        )
    rejection: Rejection = REJECTIONS.get(out.rejection, "other")
    return OathVerdict(
        False,
        rejection,
        PUBLIC_REJECTIONS.get(out.public_rejection, "invalid"),
        out.attempts_left if rejection == "wrong" else None,
        moment(out.retry_at) if out.has_retry_at else None,
    )


class DeviceOperations(Owner):
    """What an engine does with the codes of users' own devices."""

    _ring: object

    @unshown
    def verify_hotp(
        self, store: Store, binding: Binding, hotp: Hotp, code: str, look_ahead: int = 5
    ) -> OathVerdict:
        """Judge a HOTP code: good once, for all bindings of the tenant.

        Wrong guesses count for the device and its user, and against no code that was sent. The
        store must keep cells for ever. After a raised epoch, ``rejection`` is "resynchronise"
        until two codes in a row told where the device is.
        """
        return self._verify_hotp(store, binding, hotp, code, None, look_ahead)

    @unshown
    def resynchronise_hotp(
        self,
        store: Store,
        binding: Binding,
        hotp: Hotp,
        first: str,
        second: str,
        look_ahead: int = 1000,
    ) -> OathVerdict:
        """Judge two HOTP codes in a row, of a device that is far ahead."""
        return self._verify_hotp(store, binding, hotp, first, second, look_ahead)

    def _verify_hotp(
        self,
        store: Store,
        binding: Binding,
        hotp: Hotp,
        code: str,
        second: str | None,
        look_ahead: int,
    ) -> OathVerdict:
        engine, cells, key = self._open(), opened(store, Store, "store"), opened(hotp, Hotp, "hotp")
        to, verdict = bound(binding, engine.address, self._ring), new_verdict()
        reach, data = count("look_ahead", look_ahead), entered(code)
        if second is None:
            check(
                lib.otp_engine_verify_hotp(
                    engine.address, cells.address, to.address, key.address, data, len(data),
                    reach, ctypes.addressof(verdict),
                )
            )  # fmt: skip
        else:
            other = entered(second, "second")
            check(
                lib.otp_engine_resynchronise_hotp(
                    engine.address, cells.address, to.address, key.address, view(data),
                    view(other), reach, ctypes.addressof(verdict),
                )
            )  # fmt: skip
        return read_verdict(verdict)

    @unshown
    def verify_totp(
        self, store: Store, binding: Binding, totp: Totp, code: str, window: int = 1
    ) -> OathVerdict:
        """Judge a TOTP code by the engine's clock: good once, for all bindings of the tenant.

        Wrong guesses count for the device and its user, and against no code that was sent. The
        drift of the device's clock is learnt from several codes that agree.
        """
        return self._verify_totp(store, binding, totp, code, None, window)

    @unshown
    def resynchronise_totp(
        self,
        store: Store,
        binding: Binding,
        totp: Totp,
        first: str,
        second: str,
        window: int = 100,
    ) -> OathVerdict:
        """Judge two TOTP codes in a row, of a device whose clock is far off."""
        return self._verify_totp(store, binding, totp, first, second, window)

    def _verify_totp(
        self,
        store: Store,
        binding: Binding,
        totp: Totp,
        code: str,
        second: str | None,
        window: int,
    ) -> OathVerdict:
        engine, cells, key = self._open(), opened(store, Store, "store"), opened(totp, Totp, "totp")
        to, verdict = bound(binding, engine.address, self._ring), new_verdict()
        reach, data = count("window", window), entered(code)
        if second is None:
            check(
                lib.otp_engine_verify_totp(
                    engine.address, cells.address, to.address, key.address, data, len(data),
                    reach, ctypes.addressof(verdict),
                )
            )  # fmt: skip
        else:
            other = entered(second, "second")
            check(
                lib.otp_engine_resynchronise_totp(
                    engine.address, cells.address, to.address, key.address, view(data),
                    view(other), reach, ctypes.addressof(verdict),
                )
            )  # fmt: skip
        return read_verdict(verdict)

    @unshown
    def ocra_question(self, binding: Binding, ocra: Ocra) -> str:
        """Return what a device is asked for this binding; the suite asks QH16 or longer."""
        engine, key, needed = self._open(), opened(ocra, Ocra, "ocra"), ctypes.c_size_t()
        to = bound(binding, engine.address, self._ring)
        buffer = ctypes.create_string_buffer(64)
        check(
            lib.otp_engine_ocra_question(
                engine.address,
                to.address,
                key.address,
                buffer,
                len(buffer),
                ctypes.byref(needed),
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
    ) -> OathVerdict:
        """Judge what a device answered to this binding's question: good once.

        ``counter`` is that of the device's first answer. Wrong guesses count for the device and its
        user, and against no code that was sent.
        """
        engine, cells, key = self._open(), opened(store, Store, "store"), opened(ocra, Ocra, "ocra")
        to, verdict = bound(binding, engine.address, self._ring), new_verdict()
        data = entered(code)
        inputs, kept = answer_inputs(counter, pin, pin_digest, session)
        inputs.look_ahead, inputs.window = (
            count("look_ahead", look_ahead),
            count("window", window),
        )
        check(
            lib.otp_engine_verify_ocra(
                engine.address,
                cells.address,
                to.address,
                key.address,
                ctypes.addressof(inputs),
                data,
                len(data),
                ctypes.addressof(verdict),
            )
        )
        del kept
        return read_verdict(verdict)

    @unshown
    def verify_devices(
        self,
        store: Store,
        binding: Binding,
        devices: Sequence[Device | Hotp | Totp | Ocra],
        code: str,
    ) -> OathVerdict:
        """Judge a text that may be a code of any of a user's devices, at most three: one attempt.

        ``device`` of the verdict says which one made it, by its place.
        """
        engine, cells = self._open(), opened(store, Store, "store")
        to, verdict = bound(binding, engine.address, self._ring), new_verdict()
        data = entered(code)
        pointers, kept = _devices(devices)
        check(
            lib.otp_engine_verify_devices(
                engine.address,
                cells.address,
                to.address,
                pointers,
                len(pointers),
                data,
                len(data),
                ctypes.addressof(verdict),
            )
        )
        del kept
        return read_verdict(verdict)

    @unshown
    def reset_device(
        self,
        store: Store,
        tenant: str,
        user: str,
        device: Device | Hotp | Totp | Ocra,
        reason: str,
    ) -> bool:
        """Reset a device; False if there was nothing to lift. For an administrator.

        Its lock and its guesses are forgotten, and what was learnt of its clock. What was used
        stays used: a counter, an answered question and the epoch do not fall; a time step falls to
        that of now and the window at most, so that a device whose clock was ahead and was put right
        is taken again. The observer gets the reason, 1 to 256 bytes of visible text.
        """
        engine, cells, done = self._open(), opened(store, Store, "store"), ctypes.c_int32()
        owner, who, why = text(tenant, "tenant"), text(user, "user"), text(reason, "reason")
        pointers, kept = _devices([device])
        check(
            lib.otp_engine_reset_device(
                engine.address, cells.address, owner, len(owner), who, len(who), pointers[0],
                why, len(why), ctypes.byref(done),
            )
        )  # fmt: skip
        del kept
        return done.value == 1

    def _device_odds(self, devices: Sequence[Device | Hotp | Totp | Ocra]) -> c.otp_odds:
        engine, out = self._open(), c.otp_odds(struct_size=ctypes.sizeof(c.otp_odds))
        pointers, kept = _devices(devices)
        check(
            lib.otp_engine_device_odds(engine.address, pointers, len(pointers), ctypes.byref(out))
        )
        del kept
        return out

    def _device_findings(self, devices: Sequence[Device | Hotp | Totp | Ocra]) -> list[str]:
        engine, out = self._open(), out_pointer()
        pointers, kept = _devices(devices)
        check(
            lib.otp_engine_device_findings(
                engine.address, pointers, len(pointers), ctypes.byref(out)
            )
        )
        del kept
        return take_bytes(out.value).decode().splitlines()


def _devices(
    devices: Sequence[Device | Hotp | Totp | Ocra],
) -> tuple["ctypes.Array[Any]", list[object]]:
    """Return pointers to devices, and what must be kept for as long as they are used."""
    pointers, kept = [], []
    for device in several(devices, "devices"):
        named = device if isinstance(device, Device) else Device(device)
        structure, held = named._structure()
        pointers.append(ctypes.addressof(structure))
        kept += held
    return (ctypes.c_void_p * len(pointers))(*pointers), kept
