"""Cells and writes: what a host's store loads and commits."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Cell:
    """What a host store keeps under a key: version, end in unix seconds or None, opaque body.

    Its repr does not show the body: that of a signature record holds names and numbers.
    """

    version: int
    discard_after: int | None
    body: bytes = field(repr=False)


@dataclass(slots=True)
class Write:
    """One write of a commit: the cell must have ``expected`` as its version, 0 where there is none.

    Its new version is ``expected + 1``. ``kind``: 1 slot, 2 meter, 3 chain head, 4 record,
    5 credential, 6 canary.
    """

    key: bytes
    kind: int
    expected: int
    discard_after: int | None
    body: bytes = field(repr=False)
