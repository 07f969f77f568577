"""While answers to commits are overdue, one connection asks whether they come again."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..errors import UnavailableError


class Breaker:
    """Lets commits through; one at a time, once the answer to one was overdue.

    Without it, each call would wait for its own answer, on all connections, for as long as a
    synchronous standby is away.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_open = False
        self._is_probing = False

    @contextmanager
    def passed(self) -> Iterator[Callable[[bool], None]]:
        """Let a commit through; it says by a call whether its answer was overdue, or came."""
        with self._lock:
            if self._is_open and self._is_probing:
                raise UnavailableError(
                    "PostgreSQL's answers to commits are overdue; one connection asks whether "
                    "they come again"
                )
            is_probe = self._is_open
            self._is_probing |= is_probe

        def say(is_overdue: bool) -> None:
            with self._lock:
                self._is_open = is_overdue

        try:
            yield say
        finally:
            if is_probe:
                with self._lock:
                    self._is_probing = False
