"""Messages on their way: a thread sends each, and a request waits for a while.

What waits for a thread is a job without a code. A process that dies before it claimed the send
leaves one that the next request claims; between claim and gateway's answer it leaves a send of
which nothing is known, as one that times out does.
"""

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

_logger = logging.getLogger(__name__)
_AT_ONCE = 8  # messages of one process; more of them wait
_pool: tuple[int, ThreadPoolExecutor] | None = None
T = TypeVar("T")


class Sending(Generic[T]):
    """One message. Whoever is there when the gateway has answered takes the answer: once."""

    def __init__(self, send: Callable[[], T], late: Callable[[T | Exception], None]) -> None:
        """Take what sends, and what is told of the answer that no request waited for."""
        self._send, self._late = send, late
        self._lock = threading.Lock()
        self._answered = threading.Event()
        self._answer: T | Exception | None = None
        self._is_left = False

    def start(self) -> None:
        """Let a thread of this process send it; where none can be had, send it here."""
        try:
            _threads().submit(self._run)
        except RuntimeError:  # the process is ending
            self._run()

    def wait(self, seconds: float) -> T | Exception | None:
        """Return the answer, or what was raised; None if it is not there in time."""
        self._answered.wait(seconds)
        with self._lock:
            self._is_left = not self._answered.is_set()
            return self._answer

    def _run(self) -> None:
        answer: T | Exception
        try:
            answer = self._send()
        except Exception as error:
            answer = error
        with self._lock:
            self._answer = answer
            self._answered.set()
            is_left = self._is_left
        if is_left:
            try:
                self._late(answer)
            except Exception:
                _logger.exception("the answer of a gateway was lost")


def _threads() -> ThreadPoolExecutor:
    """Return the threads of this process: those of a parent did not come along."""
    global _pool
    pool = _pool
    if pool is None or pool[0] != os.getpid():
        pool = _pool = (os.getpid(), ThreadPoolExecutor(_AT_ONCE, "esms_otp"))
    return pool[1]
