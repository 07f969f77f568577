"""What an engine tells while it works, collected on the thread that asked it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import otp_engine as otp

_here = threading.local()


def hear(event: otp.Event) -> None:
    """Take an event: the ``observer`` of an engine whose events go into a journal."""
    events = getattr(_here, "events", None)
    if events is not None:
        events.append(event)


@contextmanager
def hearing() -> Iterator[list[otp.Event]]:
    """Collect what the engine tells on this thread: an observer must not work in the call."""
    before = getattr(_here, "events", None)
    events: list[otp.Event] = []
    _here.events = events
    try:
        yield events
    finally:
        _here.events = before
