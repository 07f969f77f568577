"""Judges the answers of a storm: what clients were told about one code, and what was left."""

from collections import Counter
from dataclasses import dataclass, field

INVALID = "Invalid or expired OTP"


@dataclass(frozen=True)
class Answer:
    """What came of one guess; a lost one has no status."""

    right: bool
    status: int | None
    left: int | None = None


@dataclass
class History:
    """All guesses at one code, in no order, and the signatures of its field afterwards."""

    answers: list[Answer] = field(default_factory=list)
    signed: int = 0


def faults(history: History, attempts: int) -> list[str]:
    """Return what no engine that counts right could have answered."""
    found = []
    lost = sum(answer.status is None for answer in history.answers)
    lost_right = sum(answer.status is None and answer.right for answer in history.answers)
    accepted = [answer for answer in history.answers if answer.status == 200]
    if len(accepted) > 1:
        found.append(f"{len(accepted)} successes")
    if not all(answer.right for answer in accepted):
        found.append("a wrong code was accepted")
    if not len(accepted) <= history.signed <= min(1, len(accepted) + lost_right):
        found.append(f"{history.signed} signatures for {len(accepted)} successes")
    strange = {a.status for a in history.answers} - {None, 200, 400, 423}
    if strange:
        found.append(f"statuses {sorted(map(str, strange))}")

    left = Counter(a.left for a in history.answers if a.left is not None)
    twice = sorted(value for value, times in left.items() if times > 1)
    if twice:
        found.append(f"attempts_left was {twice} more than once")
    if set(left) - set(range(attempts)):
        found.append(f"attempts_left was {sorted(set(left) - set(range(attempts)))}")
    # Guesses count down from the top; of the values above the lowest only lost answers are missing.
    gap = attempts - min(left, default=attempts) - len(left)
    if gap > lost:
        found.append(f"{gap} values of attempts_left are missing, {lost} answers were lost")

    wrongs = sum(not answer.right for answer in history.answers)
    if history.signed == 0 and wrongs >= attempts + lost and len(left) + lost < attempts:
        found.append(f"{len(left)} guesses were compared, of {attempts}")
    if history.signed == 0 and lost == 0 and len(left) < min(wrongs, attempts):
        found.append(f"{len(left)} guesses were compared, of {min(wrongs, attempts)}")
    rights = sum(answer.right for answer in history.answers)
    if history.signed == 0 and rights > lost_right and wrongs < attempts:
        found.append("the right code was refused, though attempts were left")
    return found
