"""Clocks that are wrong, resets, and what is left of a code's time."""

import pytest
from support import Clock, binding, engine, issue, wrong

import otp_engine as otp

DAY = 86_400


def test_case_154_a_clock_that_was_ahead_lets_no_wrong_guess_be_forgotten() -> None:
    clock, store = Clock(), otp.MemoryStore()
    maker, start = engine(clock=clock), clock.now
    for record in range(3):
        to = binding(str(record))
        code = issue(maker, store, to).code
        for _ in range(5):
            assert maker.verify(store, to, wrong(code)).rejection == "wrong"
    for ahead in (DAY, 401 * DAY, 3_653 * DAY):
        clock.now = start + ahead
        other = binding(f"at {ahead}")
        assert maker.verify(store, other, wrong(issue(maker, store, other).code)).attempts_left == 4
        clock.now = start + 60
        refusal = maker.issue(store, binding("next"))
        assert isinstance(refusal, otp.Refusal) and refusal.reason == "locked"


def test_case_154_a_purge_asks_an_administrator_about_a_clock_that_jumped() -> None:
    clock, store = Clock(), otp.MemoryStore()
    maker = engine(clock=clock)
    issue(maker, store, binding())
    clock.now += 3_653 * DAY
    with pytest.raises(otp.ClockAheadError, match="more than a day ahead"):
        maker.purge(store)
    with pytest.raises(otp.ClockError):
        maker.purge(store, confirmed=False)
    assert maker.purge(store, confirmed=True) == 3
    assert maker.purge(store) == 0


def test_case_154_a_reset_lifts_slot_recipient_and_user_and_says_why() -> None:
    heard: list[otp.Event] = []
    store, maker = otp.MemoryStore(), engine(observer=heard.append)
    to = binding()
    code = issue(maker, store, to).code
    for _ in range(5):
        assert not maker.verify(store, to, wrong(code))
    for reason in ("", "  ", "two\nlines", "x" * 257):
        with pytest.raises(ValueError, match="reason of a reset"):
            maker.reset_slot(store, to, reason)
    with pytest.raises(TypeError, match="reason"):
        maker.reset_slot(store, to, None)  # type: ignore[arg-type]
    assert maker.reset_slot(store, to, "ticket 4711") is True
    assert (heard[-1].kind, heard[-1].reset_reason) == ("slot_reset", "ticket 4711")
    assert maker.reset_slot(store, to, "ticket 4711") is False
    assert maker.verify(store, to, code).rejection == "cancelled"
    assert issue(maker, store, to).send == 1
    assert maker.reset_recipient(store, to, "number ported") is True
    assert (heard[-1].kind, heard[-1].user) == ("recipient_reset", "")
    assert heard[-1].recipient and "3456" not in heard[-1].recipient
    assert maker.reset_recipient(store, to, "number ported") is False
    assert maker.reset_user(store, "acme", "7", "called us") is True
    assert (heard[-1].kind, heard[-1].reset_reason) == ("user_reset", "called us")
    assert maker.reset_user(store, "acme", "7", "called us") is False


def test_case_151_a_code_that_is_sent_again_says_what_is_left() -> None:
    clock, store = Clock(), otp.MemoryStore()
    maker, to = engine(clock=clock), binding()
    first = issue(maker, store, to)
    assert (first.valid_for, first.minutes) == (180, 3)
    clock.now += 61
    again = issue(maker, store, to)
    assert again.code == first.code and again.send == 2
    assert (again.valid_for, again.minutes) == (119, 1)


def test_case_149_the_end_of_a_lock_has_bounds() -> None:
    for seconds in (DAY, 400 * DAY):
        otp.RateLimits(lock_ends_after=seconds)
    for seconds in (0, DAY - 1, 400 * DAY + 1):
        with pytest.raises(ValueError, match="lock_ends_after"):
            otp.RateLimits(lock_ends_after=seconds)
