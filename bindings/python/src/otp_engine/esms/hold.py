"""Rejections leave at a fixed time after their request came; and who may wait in a worker.

How long a rejection takes tells what it met: what writes waits for a flush, what finds nothing does
not. A worker serves one request at a time, so whatever waits takes a worker. So what waits takes a
place of its kind, of which there is one less than there are workers; where none is free, it does
not wait.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

#: Milliseconds: where nothing is set, and the most that may be.
DEFAULT, MOST = 200, 300
_REJECTION = "esms_otp"
#: The kind of what waits for a gateway. Not that of rejections: a slow gateway must not let these
#: leave at a time that tells something.
GATEWAY = "esms_otp_gateway"


def until(came: float, milliseconds: int, places: int | None) -> None:
    """Wait until the next multiple of so many milliseconds after a request came; 0 waits for none.

    ``came`` is of ``time.monotonic``. ``places`` is how many of the server's workers may
    wait; None where each request has a thread of its own.
    """
    if milliseconds <= 0:
        return
    with place(_REJECTION, places) as is_free:
        if is_free:
            step = milliseconds / 1000
            time.sleep(step - (time.monotonic() - came) % step)


@contextmanager
def place(kind: str, places: int | None) -> Iterator[bool]:
    """Take one of the places of a kind, if any is free, of all workers that one process has forked.

    Each is a name of Linux's abstract sockets: one process has it, and when that ends, however it
    does, nobody has. Where there are no such names no place is free. None counts nothing: each
    place is free.
    """
    if places is None:
        yield True
        return
    for number in range(places):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as taken:
            try:
                taken.bind(f"\0{kind} {os.getppid()} {number}")
            except OSError:
                continue
            yield True
            return
    yield False
