"""The load's own judgement, on messages and storms that are made up."""

from collections import Counter

import pytest

import load


def test_a_message_gives_its_recipient_and_its_code() -> None:
    line = '{"to": "+60110000001000", "msg": "Your code: 012345. It is valid for 3 minutes."}'
    assert load.message(line) == ("+60110000001000", "012345")
    with pytest.raises(AssertionError, match="without a code"):
        load.message('{"to": "+60110000001000", "msg": "1234567"}')


def test_wrong_answers_are_wrong_and_all_different() -> None:
    wrong = {load.other("999990", number) for number in range(64)}
    assert len(wrong) == 64 and "999990" not in wrong
    assert load.other("999999") == "000000"


def storms(*accepted: int) -> list[Counter[str]]:
    """Return what is said to right answers, so many of which are accepted for each code."""
    return [Counter(accepted=number, refused=8 - number) for number in accepted]


def test_storms_are_counted_by_code() -> None:
    wrong = [Counter(compared=5, refused=59), Counter(compared=11, refused=53)]
    twice, never, compared = load.judged(load.Naive, storms(1, 3, 0, 8), wrong)
    assert (twice["value"], twice["unit"]) == (2, "of 4")
    assert (never["value"], compared["value"], compared["unit"]) == (1, 11, "(limit 5; 2 codes)")


def test_a_storm_that_shows_nothing_of_a_naive_view_is_none() -> None:
    wrong = [Counter(compared=5, refused=59)]
    with pytest.raises(AssertionError, match="the storm is none"):
        load.judged(load.Naive, storms(1, 1), wrong)
    load.judged(load.Careful, storms(1, 1), wrong)


@pytest.mark.parametrize(
    ("accepted", "compared"), [(2, 5), (0, 5), (1, 6), (1, 4)], ids=["twice", "never", "+", "-"]
)
def test_what_is_ours_is_exact(accepted: int, compared: int) -> None:
    exact = [Counter(compared=5, refused=59)]
    load.judged(load.Ours, storms(1, 1), exact)
    with pytest.raises(AssertionError, match="otp-engine"):
        load.judged(load.OursAgain, storms(1, accepted), [Counter(compared=compared)])


def test_a_wrong_answer_that_is_accepted_fails_whoever_it_is() -> None:
    with pytest.raises(AssertionError, match="accepted a wrong answer"):
        load.judged(load.Allauth, storms(1), [Counter(accepted=1, refused=63)])


def test_the_time_of_a_process_is_that_of_its_children_too() -> None:
    assert load.spent(1) >= load.spent(load.os.getpid()) >= 0
