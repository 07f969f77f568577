"""The judge of the storms condemns each planted history, and passes good ones."""

import pytest

from judge import Answer, History, faults

ATTEMPTS = 5
RIGHT, USED = Answer(True, 200), Answer(True, 400)
LOCKED, LOST = Answer(False, 423), Answer(False, None)


def left(*values: int) -> list[Answer]:
    """Return a compared wrong guess for each value of attempts_left."""
    return [Answer(False, 400, value) for value in values]


@pytest.mark.parametrize(
    "good",
    [
        History([*left(4, 3), RIGHT, USED, USED], signed=1),
        History([*left(4, 3, 2, 1, 0), LOCKED, LOCKED, Answer(True, 423)]),
        History([*left(4, 2), LOST, RIGHT], signed=1),
        History([*left(4, 3, 2, 0), LOST, LOCKED, Answer(True, 423)]),
        History([Answer(True, None), USED], signed=1),
    ],
)
def test_a_good_history_passes(good: History) -> None:
    assert faults(good, ATTEMPTS) == []


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        (History([RIGHT, RIGHT], signed=1), "2 successes"),
        (History([Answer(False, 200)], signed=1), "a wrong code was accepted"),
        (History([RIGHT], signed=2), "2 signatures for 1 successes"),
        (History([RIGHT], signed=0), "0 signatures for 1 successes"),
        (History([LOST, *left(4)], signed=1), "1 signatures for 0 successes"),
        (History([*left(4, 3, 3, 2, 1, 0), LOCKED]), "attempts_left was [3] more than once"),
        (History([*left(5)]), "attempts_left was [5]"),
        (History([*left(4, 2), RIGHT], signed=1), "1 values of attempts_left are missing"),
        (History([*left(4, 3, 2, 1), LOCKED]), "4 guesses were compared, of 5"),
        (History([*left(4, 3), LOST, *[LOCKED] * 6]), "2 guesses were compared, of 5"),
        (History([*left(4), Answer(True, 423)]), "the right code was refused"),
        (History([*left(4), Answer(False, 500)]), "statuses ['500']"),
    ],
)
def test_a_planted_history_is_condemned(planted: History, found: str) -> None:
    said = faults(planted, ATTEMPTS)
    assert any(fault.startswith(found) for fault in said), said
