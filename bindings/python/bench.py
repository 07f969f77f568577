"""What one OTP (issue and verify) costs through ctypes, beside pure Python in the same process.

`python bench.py [ROUNDS]`. The rows run in turn within each round, in batches of 256, on the CPU
time of this thread; ratios are medians over rounds. Pure Python, "equal work": slot key, binding
digest and derived code by HMAC and hash, attempts in a dict; "plain": a dict, a random code, one
HMAC.
"""

import hashlib
import hmac
import secrets
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import otp_engine as otp

BATCH = 256
INDEX, CODES = secrets.token_bytes(32), secrets.token_bytes(32)
Members = tuple[str, str, str, str, str, str, str]


def members(at: int) -> Members:
    return (
        "acme",
        "sign",
        "loan.application",
        "client_schedule_esms_otp_signature_ids",
        str(at),
        "7",
        "60123456789",
    )


def packed(parts: tuple[str, ...]) -> bytes:
    return b"".join(len(part).to_bytes(2, "big") + part.encode() for part in parts)


class EqualWork:
    """The engine's decision in Python, without meters, locks and stores."""

    def __init__(self) -> None:
        self.cells: dict[bytes, list[Any]] = {}

    def _derived(self, challenge: bytes, digest: bytes) -> str:
        made = hmac.digest(CODES, challenge + digest, "sha256")
        return f"{int.from_bytes(made[:8], 'big') % 10**6:06}"

    def issue(self, binding: Members) -> tuple[str, str, float, float]:
        slot = hmac.digest(INDEX, packed(binding[:6]), "sha256")
        digest = hashlib.sha256(packed(binding)).digest()
        challenge, now = secrets.token_bytes(16), time.time()
        self.cells[slot] = [challenge, digest, now + 180, 0, False]
        return challenge.hex(), self._derived(challenge, digest), now, now + 180

    def verify(self, binding: Members, typed: str) -> bool:
        slot = hmac.digest(INDEX, packed(binding[:6]), "sha256")
        digest = hashlib.sha256(packed(binding)).digest()
        cell = self.cells.get(slot)
        if cell is None or cell[4] or cell[3] >= 5 or time.time() >= cell[2]:
            return False
        expected = self._derived(cell[0], digest)
        if not hmac.compare_digest(expected.encode(), typed.encode()):
            cell[3] += 1
            return False
        cell[4] = True
        return True


class Plain:
    """What is often written: a dict, and one HMAC so that no code lies in it."""

    def __init__(self) -> None:
        self.cells: dict[Members, list[Any]] = {}

    def issue(self, binding: Members) -> tuple[str, str]:
        challenge, code = secrets.token_hex(16), f"{secrets.randbelow(10**6):06}"
        mac = hmac.digest(CODES, (challenge + code).encode(), "sha256")
        self.cells[binding] = [challenge, mac, time.time() + 180, 0]
        return challenge, code

    def verify(self, binding: Members, typed: str) -> bool:
        cell = self.cells.get(binding)
        if cell is None or cell[3] >= 5 or time.time() >= cell[2]:
            return False
        mac = hmac.digest(CODES, (cell[0] + typed).encode(), "sha256")
        if not hmac.compare_digest(mac, cell[1]):
            cell[3] += 1
            return False
        del self.cells[binding]
        return True


def python_row(make: Callable[[], Any], at: int) -> int:
    side, bindings = make(), [members(at + nth) for nth in range(BATCH)]
    start = time.thread_time_ns()
    for binding in bindings:
        made = side.issue(binding)
        assert side.verify(binding, made[1])
    return time.thread_time_ns() - start


def binding_of(parts: Members) -> otp.Binding:
    tenant, purpose, model, field, record, user, mobile = parts
    return otp.Binding(
        tenant=tenant, purpose=purpose, model=model, field=field, record=record, user=user,
        mobile=mobile,
    )  # fmt: skip


def single(engine: otp.Engine, at: int, *, ready: bool) -> int:
    """One issue and one verify at a time; ``ready``: the Binding was made before."""
    store, parts = otp.MemoryStore(), [members(at + nth) for nth in range(BATCH)]
    bindings: list[Any] = [binding_of(part) for part in parts] if ready else parts
    start = time.thread_time_ns()
    for each in bindings:
        to = each if ready else binding_of(each)
        issued = engine.issue(store, to)
        assert isinstance(issued, otp.Issued)
        assert engine.verify(store, to, issued.code)
    return time.thread_time_ns() - start


def batch(engine: otp.Engine, at: int, *, ready: bool) -> int:
    store, parts = otp.MemoryStore(), [members(at + nth) for nth in range(BATCH)]
    bindings = [binding_of(part) for part in parts] if ready else []
    start = time.thread_time_ns()
    if not ready:
        bindings = [binding_of(part) for part in parts]
    issued = engine.issue_many(store, bindings)
    codes: list[str] = [one.code for one in issued]  # type: ignore[union-attr]
    verdicts = engine.verify_many(store, list(zip(bindings, codes, strict=True)))
    took = time.thread_time_ns() - start
    assert all(verdicts)
    return took


def floor(engine: otp.Engine, at: int) -> int:
    """The two C calls alone, on packed bytes: no Python object is made of the answers."""
    from otp_engine._lib import lib
    from otp_engine.engine import _new_issued, _new_verdict

    store = otp.MemoryStore()
    requests = [binding_of(members(at + nth)) for nth in range(BATCH)]
    (issued, issued_at, _), (verdict, verdict_at) = _new_issued(), _new_verdict()
    handle, cells = engine._open().address, store._open().address
    typed = []
    begin = time.thread_time_ns()
    for to in requests:
        request = to._packed
        lib.otp_engine_issue(handle, cells, request, len(request), issued_at)
        typed.append(issued.code)
    middle = time.thread_time_ns()
    packed_typed = [
        to._with_typed(code.decode(), None) for to, code in zip(requests, typed, strict=True)
    ]
    again = time.thread_time_ns()
    for request in packed_typed:
        lib.otp_engine_verify(handle, cells, request, len(request), verdict_at)
    took = middle - begin + time.thread_time_ns() - again
    assert verdict.outcome == 1
    return took


def packed_batch(engine: otp.Engine, at: int) -> int:
    """Two batch calls on packed bytes; the codes are read and packed outside of the measure."""
    import ctypes

    from otp_engine import _bindings as c
    from otp_engine._lib import lib
    from otp_engine.engine import _batch

    store = otp.MemoryStore()
    bindings = [binding_of(members(at + nth)) for nth in range(BATCH)]
    handle, cells = engine._open().address, store._open().address
    issued, verdicts = (c.otp_issued * BATCH)(), (c.otp_verdict * BATCH)()
    requests = _batch([to._packed for to in bindings])
    begin = time.thread_time_ns()
    lib.otp_issue_many(handle, cells, requests, len(requests), BATCH, ctypes.addressof(issued))
    took = time.thread_time_ns() - begin
    codes = [one.code.decode() for one in issued]
    requests = _batch(
        [to._with_typed(code, None) for to, code in zip(bindings, codes, strict=True)]
    )
    begin = time.thread_time_ns()
    lib.otp_verify_many(handle, cells, requests, len(requests), BATCH, ctypes.addressof(verdicts))
    took += time.thread_time_ns() - begin
    assert all(verdict.outcome == 1 for verdict in verdicts)
    return took


def empty_calls() -> Callable[[int], int]:
    """Two calls an OTP of a function that does nothing, with the signature of issue and verify."""
    import ctypes
    import subprocess
    import tempfile
    from pathlib import Path

    source = "int nothing(void *a, void *b, const char *c, unsigned long d, void *e) { return 0; }"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "nothing.so"
        build = ["gcc", "-O2", "-w", "-shared", "-fPIC", "-x", "c", "-", "-o", str(path)]
        subprocess.run(build, input=source.encode(), check=True)
        nothing = ctypes.CDLL(str(path)).nothing
    nothing.argtypes = [
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p,
    ]  # fmt: skip
    nothing.restype = ctypes.c_int32
    request, kept = b"x" * 100, ctypes.create_string_buffer(400)
    out = ctypes.addressof(kept)

    def row(_: int) -> int:
        start = time.thread_time_ns()
        for _ in range(BATCH):
            nothing(out, out, request, len(request), out)
            nothing(out, out, request, len(request), out)
        return time.thread_time_ns() - start

    return row


def main() -> int:
    """Measure and print."""
    rounds = int(sys.argv[1]) if sys.argv[1:] else 60
    keys = otp.KeyRing({"bench": CODES}, index=INDEX)
    bare = otp.Engine(keys, budgets=otp.Budgets(metered=False))
    rows: dict[str, Callable[[int], int]] = {
        "pure Python, equal work": lambda at: python_row(EqualWork, at),
        "pure Python, plain": lambda at: python_row(Plain, at),
        "single, str in and out": lambda at: single(bare, at, ready=True),
        "single, and its Binding made": lambda at: single(bare, at, ready=False),
        "batch of 256, str in and out": lambda at: batch(bare, at, ready=True),
        "batch of 256, and its Bindings made": lambda at: batch(bare, at, ready=False),
        "batch of 256, packed bytes": lambda at: packed_batch(bare, at),
        "the two calls alone, packed bytes": lambda at: floor(bare, at),
        "two empty calls of that signature": empty_calls(),
    }
    took: dict[str, list[int]] = {name: [] for name in rows}
    for round_ in range(rounds + 3):
        for name, row in rows.items():
            spent = row(round_ * BATCH)
            if round_ >= 3:  # the first rounds warm up
                took[name].append(spent)
    equal, plain = took["pure Python, equal work"], took["pure Python, plain"]
    print(f"{rounds} rounds of {BATCH}, us of CPU per OTP (issue + verify); higher is faster")
    print(f"{'':38}{'us':>8}{'to equal work':>16}{'to plain':>12}")
    for name, values in took.items():
        mid = statistics.median(values) / BATCH / 1000
        to_equal, to_plain = (
            statistics.median(other / own for other, own in zip(side, values, strict=True))
            for side in (equal, plain)
        )
        print(f"{name:38}{mid:8.2f}{to_equal:15.2f}x{to_plain:11.2f}x")
    # A batch from packed bytes is the library's work with next to no crossing.
    alone, empty, work = (
        took[name]
        for name in (
            "the two calls alone, packed bytes",
            "two empty calls of that signature",
            "batch of 256, packed bytes",
        )
    )
    crossing = statistics.median(
        both / (none + inside) for both, none, inside in zip(alone, empty, work, strict=True)
    )
    print(f"the two calls to empty calls and the library's own work: {crossing:.2f}x")
    return 0


if __name__ == "__main__":
    sys.exit(main())
