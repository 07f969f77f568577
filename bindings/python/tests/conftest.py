"""Puts what the tests share in reach, wherever pytest is started."""

import pathlib
import sys
import tempfile
from collections.abc import Iterator

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))


@pytest.fixture
def folder() -> Iterator[pathlib.Path]:
    """A folder in memory, where there is such: thousands of flushes are not what is tested here."""
    memory = pathlib.Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as made:
        yield pathlib.Path(made)
