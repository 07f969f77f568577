"""What a store on a server refuses before it asks the server."""

import os

from ..cell import Write
from ..errors import ForkedError, UnsupportedError

MAX_CELLS = 8
MAX_BODY = 16 * 1024


def check_keys(keys: list[bytes]) -> None:
    """Refuse more keys than one operation has."""
    if len(keys) > MAX_CELLS:
        raise UnsupportedError(f"{len(keys)} keys in one load; at most {MAX_CELLS} are")


def check_writes(writes: list[Write], *, permanent: bool) -> None:
    """Refuse what cannot be kept: all writes are looked at before any has an effect."""
    if len(writes) > MAX_CELLS:
        raise UnsupportedError(f"{len(writes)} writes in one commit; at most {MAX_CELLS} are")
    if len({write.key for write in writes}) < len(writes):
        raise UnsupportedError("two writes of one commit have the same key")
    for write in writes:
        if len(write.body) > MAX_BODY:
            raise UnsupportedError(f"a body has {len(write.body)} bytes; at most {MAX_BODY} fit")
        if write.discard_after is None and not permanent:
            raise UnsupportedError("a cell without an end, in a store that may lose it")


class OwnProcess:
    """The process in which something was made."""

    def __init__(self) -> None:
        self._number = os.getpid()

    def is_this(self) -> bool:
        """Say whether it is this process, and no child of it."""
        return os.getpid() == self._number

    def check(self) -> None:
        """Refuse to work in a child: the connections are its parent's."""
        if not self.is_this():
            raise ForkedError("the store was opened before this process was forked")
