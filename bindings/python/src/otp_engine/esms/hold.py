"""Rejections leave at a fixed time after their request came.

How long a rejection takes tells what it met: what writes waits for a flush, what finds nothing does
not. A worker serves one request at a time, so whatever is held takes a worker: one is always left
to others, and where no place is free the answer leaves at once.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

#: Milliseconds: where nothing is set, and the most that may be.
DEFAULT, MOST = 200, 300


def until(came: float, milliseconds: int, places: int) -> None:
    """Wait until the next multiple of so many milliseconds after a request came; 0 waits for none.

    ``came`` is of ``time.monotonic``. ``places`` is how many of the server's workers may wait.
    """
    if milliseconds <= 0:
        return
    with _place(places) as is_free:
        if is_free:
            step = milliseconds / 1000
            time.sleep(step - (time.monotonic() - came) % step)


@contextmanager
def _place(places: int) -> Iterator[bool]:
    """Take one of the places of all workers that one process has forked, if any is free.

    Each is a name of Linux's abstract sockets: one process has it, and when that ends, however it
    does, nobody has. Where there are no such names no place is free.
    """
    for number in range(places):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as place:
            try:
                place.bind(f"\0esms_otp {os.getppid()} {number}")
            except OSError:
                continue
            yield True
            return
    yield False
