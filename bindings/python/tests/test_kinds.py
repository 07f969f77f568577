"""An object of one kind is never read as one of another: the library could not tell."""

from collections.abc import Callable

import pytest
from support import binding, engine, key_ring, signer

import otp_engine as otp

SECRET = b"12345678901234567890"


def test_another_kind_of_object_is_a_type_error_that_names_the_argument() -> None:
    maker, store, to = engine(), otp.MemoryStore(), binding()
    hotp, totp = otp.Hotp(SECRET), otp.Totp(SECRET)
    calls: list[tuple[str, Callable[[], object]]] = [
        ("store", lambda: maker.issue(maker, to)),  # type: ignore[arg-type]
        ("store", lambda: maker.verify(to, to, "123456")),  # type: ignore[arg-type]
        ("store", lambda: maker.issue_many(totp, [to])),  # type: ignore[arg-type]
        ("store", lambda: maker.purge(None)),  # type: ignore[arg-type]
        ("totp", lambda: maker.verify_totp(store, to, hotp, "123456")),  # type: ignore[arg-type]
        ("hotp", lambda: maker.verify_hotp(store, to, totp, "123456")),  # type: ignore[arg-type]
        ("ocra", lambda: maker.ocra_question(to, totp)),  # type: ignore[arg-type]
        ("keys", lambda: otp.Engine(store)),  # type: ignore[arg-type]
        ("signing_key", lambda: otp.Engine(key_ring(), signing_key=maker)),  # type: ignore[arg-type]
        ("policy", lambda: maker.with_policy(otp.RateLimits())),  # type: ignore[arg-type]
        ("rate_limits", lambda: otp.Engine(key_ring(), rate_limits=otp.Policy())),  # type: ignore[arg-type]
    ]
    for name, call in calls:
        with pytest.raises(TypeError, match=f"^{name} must be "):
            call()
    # What each is, it takes.
    assert (
        otp.Engine(key_ring(), signing_key=signer(), rate_limits=otp.RateLimits()).findings()
        is not None
    )
    assert maker.verify_totp(store, to, totp, "12345").rejection == "malformed"
