"""Who is inside a callback, and what it raised.

The library calls back on the thread that called it. Greenlets share one thread, and may change
while a store waits for its server: so both are kept by thread, and within it by greenlet. What
another thread or greenlet does is no business of a call's.
"""

import sys
import threading


class _Mine(threading.local):
    """What this thread's greenlets are in; under gevent's own thread-locals, this greenlet's."""

    def __init__(self) -> None:
        self.inside: dict[object, int] = {}
        self.raised: dict[object, BaseException] = {}


mine = _Mine()


def greenlet() -> object:
    """Return the greenlet that runs; None where nobody ever asked for greenlets."""
    current = getattr(sys.modules.get("greenlet"), "getcurrent", None)
    return None if current is None else current()


def is_inside() -> bool:
    """Say whether the caller runs in a callback."""
    inside = mine.inside
    return bool(inside) and (greenlet() in inside or None in inside)


def take() -> BaseException | None:
    """Return what a callback raised in the call that just ended."""
    raised = mine.raised
    if not raised:
        return None
    # Under None where that callback was the first to import greenlets.
    who = greenlet()
    return raised.pop(who if who in raised else None, None)
