"""OATH under an engine: a code of the user's own device is good once, on any store."""

import ctypes

from ._checks import count
from ._handle import Owner, opened
from ._lib import lib, view
from .errors import check
from .oath import (
    Hotp,
    OathVerdict,
    Ocra,
    Totp,
    answer_inputs,
    new_verdict,
    read_verdict,
    typed_bytes,
)
from .store import Store
from .words import Binding, packed


class Factors(Owner):
    """What an engine does with codes that the user's own device makes."""

    def verify_hotp(
        self, store: Store, binding: Binding, hotp: Hotp, typed: str, look_ahead: int = 5
    ) -> OathVerdict:
        """Judge a HOTP code: good once, for all bindings of the tenant.

        Wrong guesses count as those at codes that were sent. The store must keep cells for ever.
        """
        return self._verify_hotp(store, binding, hotp, typed, None, look_ahead)

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
        typed: str,
        second: str | None,
        look_ahead: int,
    ) -> OathVerdict:
        engine, cells, key = self._open(), opened(store, Store, "store"), opened(hotp, Hotp, "hotp")
        request, verdict = packed(binding, typed, None), new_verdict()
        kept = None if second is None else typed_bytes(second, "second")
        check(
            lib.otp_engine_verify_hotp(
                engine.address,
                cells.address,
                key.address,
                request,
                len(request),
                view(kept),
                count("look_ahead", look_ahead),
                ctypes.addressof(verdict),
            )
        )
        return read_verdict(verdict)

    def verify_totp(
        self, store: Store, binding: Binding, totp: Totp, typed: str, window: int = 1
    ) -> OathVerdict:
        """Judge a TOTP code by the engine's clock: good once, for all bindings of the tenant.

        Wrong guesses count as those at codes that were sent. The drift of the device's clock is
        remembered.
        """
        return self._verify_totp(store, binding, totp, typed, None, window)

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
        typed: str,
        second: str | None,
        window: int,
    ) -> OathVerdict:
        engine, cells, key = self._open(), opened(store, Store, "store"), opened(totp, Totp, "totp")
        request, verdict = packed(binding, typed, None), new_verdict()
        kept = None if second is None else typed_bytes(second, "second")
        check(
            lib.otp_engine_verify_totp(
                engine.address,
                cells.address,
                key.address,
                request,
                len(request),
                view(kept),
                count("window", window),
                ctypes.addressof(verdict),
            )
        )
        return read_verdict(verdict)

    def ocra_question(self, binding: Binding, ocra: Ocra) -> str:
        """Return what a device is asked for this binding; the suite asks QH16 or longer."""
        engine, key, needed = self._open(), opened(ocra, Ocra, "ocra"), ctypes.c_size_t()
        buffer, request = ctypes.create_string_buffer(64), packed(binding)
        check(
            lib.otp_engine_ocra_question(
                engine.address,
                key.address,
                request,
                len(request),
                buffer,
                len(buffer),
                ctypes.byref(needed),
            )
        )
        return buffer.raw[: needed.value].decode()

    def verify_ocra(
        self,
        store: Store,
        binding: Binding,
        ocra: Ocra,
        typed: str,
        *,
        pin: str | None = None,
        pin_digest: bytes | None = None,
        session: bytes | None = None,
        counter: int = 0,
        look_ahead: int = 5,
        window: int = 1,
    ) -> OathVerdict:
        """Judge what a device answered to this binding's question: good once.

        ``counter`` is that of the device's first answer. Wrong guesses count as those at codes that
        were sent.
        """
        engine, cells, key = self._open(), opened(store, Store, "store"), opened(ocra, Ocra, "ocra")
        request, verdict = packed(binding, typed, None), new_verdict()
        inputs, kept = answer_inputs(counter, pin, pin_digest, session)
        inputs.look_ahead, inputs.window = (
            count("look_ahead", look_ahead),
            count("window", window),
        )
        check(
            lib.otp_engine_verify_ocra(
                engine.address,
                cells.address,
                key.address,
                request,
                len(request),
                ctypes.addressof(inputs),
                ctypes.addressof(verdict),
            )
        )
        del kept
        return read_verdict(verdict)
