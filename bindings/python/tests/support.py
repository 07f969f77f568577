"""What the tests share: secrets, bindings, a clock that is set by hand."""

from __future__ import annotations

import importlib.util
import pathlib
import sys
from collections.abc import Iterable
from typing import Any

import otp_engine as otp

REPOSITORY = pathlib.Path(__file__).parents[3]
START = 1_800_000_000
SECRET, INDEX, SEED = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))


class Clock:
    """Unix seconds, set by hand."""

    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def key_ring(**other: Any) -> otp.KeyRing:
    return otp.KeyRing({"2026a": SECRET}, index=INDEX, **other)


def engine(**options: Any) -> otp.Engine:
    options.setdefault("clock", Clock())
    return otp.Engine(key_ring(), **options)


def engine_on_any(**options: Any) -> otp.Engine:
    """Make an engine for any store: one that expires asks for a lock that ends by itself."""
    options.setdefault("rate_limits", otp.RateLimits(lock_ends_after=400 * 86_400))
    return engine(**options)


def signer() -> otp.SigningKey:
    return otp.SigningKey.from_seed(SEED)


def binding(record: str = "15", **other: Any) -> otp.Binding:
    model, field = other.pop("model", "loan.application"), other.pop("field", "signature")
    members = {
        "tenant": "acme",
        "purpose": "sign",
        "target": otp.Target(model, field, record),
        "user": "7",
        "mobile": "60123456789",
    }
    return otp.Binding(**{**members, **other})


def submissions(bindings: Iterable[otp.Binding], codes: Iterable[str]) -> list[otp.Submission]:
    """Return what is entered for each of several bindings."""
    return [otp.Submission(to, code) for to, code in zip(bindings, codes, strict=True)]


def issue(by: otp.Engine, store: otp.Store, to: otp.Binding) -> otp.Issued:
    issued = by.issue(store, to)
    assert isinstance(issued, otp.Issued), issued
    return issued


def wrong(code: str, nth: int = 1) -> str:
    """Return another code of as many digits."""
    return f"{(int(code) + nth) % 10 ** len(code):0{len(code)}}"


def example_store() -> Any:
    """Return the class of the example's host store."""
    path = REPOSITORY / "examples" / "python" / "sqlite_host_store.py"
    name = path.stem
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name].SqliteHostStore


class DictStore(otp.HostStore):
    """A sound host store over a dict; tests spoil it."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: dict[bytes, otp.Cell] = {}

    def load(self, keys: list[bytes]) -> list[otp.Cell | None]:
        return [self.cells.get(key) for key in keys]

    def commit(self, writes: list[otp.Write], now: int) -> bool:
        for write in writes:
            cell = self.cells.get(write.key)
            if (0 if cell is None else cell.version) != write.expected:
                return False
        for write in writes:
            end = write.discard_after
            self.cells[write.key] = otp.Cell(write.expected + 1, end, write.body)
        return True
