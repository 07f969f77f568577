"""What an observer of events and a reader of faults get to see."""

import re

import pytest
from support import binding, engine, issue

import otp_engine as otp

PLACES = [
    ({"mobile": "60123456789"}, "*******6789", "60123456789"),
    ({"mobile": "436601234567890"}, "***********7890", "436601234567890"),
    ({"mobile": None, "email": "siti@example.org"}, "s***@example.org", "siti"),
]


@pytest.mark.parametrize(("where", "shown", "hidden"), PLACES)
def test_case_75_events_show_at_most_four_digits_of_a_number(
    where: dict[str, str | None], shown: str, hidden: str
) -> None:
    seen: list[otp.Event] = []
    maker = engine(observer=seen.append, policy=otp.Policy(digits=10))
    store, to = otp.MemoryStore(), binding(**where)
    issued = issue(maker, store, to)
    assert maker.verify(store, to, issued.code)
    assert [event.kind for event in seen] == ["issued", "accepted"]
    for event in seen:
        assert event.recipient == shown
        assert max(map(len, re.findall(r"\d+", event.recipient)), default=0) <= 4
        assert hidden not in repr(event) and issued.code not in repr(event)
    assert hidden in issued.recipient  # the control: the host sends to all of it
