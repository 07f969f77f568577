"""Issue and verify of the package, beside pure Python and the floor; unlimited, in memory."""

import ctypes
from collections.abc import Callable
from typing import Any

import otp_engine as otp
from otp_engine import _bindings as c
from otp_engine._lib import lib
from otp_engine.binding import Bound, bound
from otp_engine.engine import _new_issued, _new_verdict, _submissions

from baseline import CODES, INDEX, EqualWork, Members, Plain, members
from measure import Effort, Row, figure, group, report, timed

BATCH = 256


def binding_of(parts: Members) -> otp.Binding:
    """Bind a code."""
    tenant, purpose, model, field, record, user, mobile = parts
    return otp.Binding(
        tenant=tenant, purpose=purpose, target=otp.Target(model, field, record), user=user,
        mobile=mobile,
    )  # fmt: skip


class Rows:
    """Each method does one round: so many issues, and as many right codes."""

    def __init__(self, effort: Effort, floor: ctypes.CDLL) -> None:
        self.count = effort.of(BATCH, 8)
        self.parts = [members(at) for at in range(self.count)]
        self.bindings = [binding_of(part) for part in self.parts]
        keys = otp.KeyRing({"bench": CODES}, index=INDEX)
        self.engine = otp.Engine(keys, rate_limits=otp.RateLimits(unlimited=True))
        self.lib = floor

    def floor(self) -> int:
        """Do what cannot be left out."""

        def work() -> None:
            self.lib.otp_floor_issue(self.count)
            self.lib.otp_floor_verify(self.count)

        return timed(work)

    def python(self, make: Callable[[], Any]) -> int:
        """Do it in pure Python."""
        side = make()

        def work() -> None:
            for binding in self.parts:
                made = side.issue(binding)
                assert side.verify(binding, made[1])

        return timed(work)

    def single(self, *, ready: bool, store: otp.HostStore | None = None) -> int:
        """One issue and one verify at a time; ``ready``: the Binding was made before."""
        engine, cells = self.engine, store or otp.MemoryStore()

        def work() -> None:
            for at, parts in enumerate(self.parts):
                to = self.bindings[at] if ready else binding_of(parts)
                issued = engine.issue(cells, to)
                assert isinstance(issued, otp.Issued)
                assert engine.verify(cells, to, issued.code)

        return timed(work)

    def batch(self, *, ready: bool) -> int:
        """Two calls for all of them."""
        engine, cells = self.engine, otp.MemoryStore()

        def work() -> None:
            bindings = self.bindings if ready else [binding_of(part) for part in self.parts]
            issued = engine.issue_many(cells, bindings)
            codes: list[str] = [one.code for one in issued]  # type: ignore[union-attr]
            verdicts = engine.verify_many(
                cells,
                [otp.Submission(to, code) for to, code in zip(bindings, codes, strict=True)],
            )
            assert all(verdicts)

        return timed(work)

    def calls(self) -> int:
        """The C calls alone, on bindings made before: no Python object is made of the answers."""
        store = otp.MemoryStore()
        (issued, issued_at, _), (verdict, verdict_at) = _new_issued(), _new_verdict()
        engine, cells = self.engine._open().address, store._open().address
        made, codes = self.handles(), []

        def issue() -> None:
            for to in made:
                lib.otp_engine_issue(engine, cells, to.address, issued_at)
                codes.append(issued.code)

        def verify() -> None:
            for to, code in entered:
                lib.otp_engine_verify(engine, cells, to.address, code, len(code), verdict_at)

        took = timed(issue)
        entered = list(zip(made, codes, strict=True))
        took += timed(verify)
        assert verdict.outcome == c.OTP_OUTCOME_ACCEPTED
        return took

    def handles(self) -> list[Bound]:
        """Return the handles of the bindings."""
        engine = self.engine
        return [bound(to, engine._open().address, engine._ring) for to in self.bindings]

    def packed_submissions(self) -> int:
        """Two batch calls; codes are read and laid out outside of the measure."""
        store, count, made = otp.MemoryStore(), self.count, self.handles()
        engine, cells = self.engine._open().address, store._open().address
        issued, verdicts = (c.otp_issued * count)(), (c.otp_verdict * count)()
        addresses = (ctypes.c_void_p * count)(*(to.address for to in made))
        out = ctypes.addressof(issued)
        size = ctypes.sizeof(c.otp_issued)
        took = timed(lambda: lib.otp_engine_issue_many(engine, cells, addresses, count, out, size))
        run, kept = _submissions(
            [(to, one.code, b"", None) for to, one in zip(made, issued, strict=True)]
        )
        out = ctypes.addressof(verdicts)
        each, item = ctypes.sizeof(c.otp_verdict), ctypes.sizeof(c.otp_submission)
        took += timed(
            lambda: lib.otp_engine_verify_many(engine, cells, run, item, count, out, each)
        )
        del kept
        assert all(verdict.outcome == c.OTP_OUTCOME_ACCEPTED for verdict in verdicts)
        return took

    def empty_calls(self) -> int:
        """Call, two times each, a function of the same signature that does nothing."""
        nothing, kept = self.lib.otp_floor_nothing, ctypes.create_string_buffer(400)
        out = ctypes.addressof(kept)

        def work() -> None:
            for _ in range(self.count):
                nothing(out, out, out, out)
                nothing(out, out, out, out)

        return timed(work)


class DictStore(otp.HostStore):
    """A host's store that is as short as they come; it counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: dict[bytes, otp.Cell] = {}
        self.called = 0

    def load(self, keys: list[bytes]) -> list[otp.Cell | None]:
        """Return the cells."""
        self.called += 1
        return [self.cells.get(key) for key in keys]

    def commit(self, writes: list[otp.Write], now: int) -> bool:
        """Apply all writes, or none."""
        self.called += 1
        for write in writes:
            cell = self.cells.get(write.key)
            if (cell.version if cell else 0) != write.expected:
                return False
        for write in writes:
            self.cells[write.key] = otp.Cell(write.expected + 1, write.discard_after, write.body)
        return True


def rows(effort: Effort, floor: ctypes.CDLL) -> None:
    """Measure what one code costs: an issue and a verify."""
    all_rows = Rows(effort, floor)

    def row(name: str, run: Callable[[], int]) -> Row:
        return Row(name, lambda: (run(), all_rows.count))

    name = "issue and verify bare"
    took = group(
        effort,
        name,
        [
            row("floor", all_rows.floor),
            row("pure Python, equal work", lambda: all_rows.python(EqualWork)),
            row("pure Python, plain", lambda: all_rows.python(Plain)),
            row("single, str", lambda: all_rows.single(ready=True)),
            row("single, str, and its Binding made", lambda: all_rows.single(ready=False)),
            row("batch of 256, str", lambda: all_rows.batch(ready=True)),
            row("batch of 256, str, and Bindings made", lambda: all_rows.batch(ready=False)),
            row("batch of 256, packed", all_rows.packed_submissions),
            row("two calls, packed", all_rows.calls),
            row("two empty calls", all_rows.empty_calls),
            row("floor again", all_rows.floor),
        ],
    )
    # A batch from packed bytes is the library's work with next to no crossing.
    work = zip(took["two empty calls"], took["batch of 256, packed"], strict=True)
    report(name, "two empty calls and the library's work", [none + own for none, own in work])
    host_rows(effort, all_rows)


def host_rows(effort: Effort, all_rows: Rows) -> None:
    """Measure what the callbacks of a host's store add."""
    engine, count, name = all_rows.engine, all_rows.count, "verify bare, host store"
    called = []

    def verify(make: Callable[[], otp.Store]) -> tuple[float, int]:
        cells, codes = make(), []
        for to in all_rows.bindings:
            issued = engine.issue(cells, to)
            assert isinstance(issued, otp.Issued)
            codes.append((to, issued.code))
        before = cells.called if isinstance(cells, DictStore) else 0

        def work() -> None:
            for to, code in codes:
                assert engine.verify(cells, to, code)

        took = timed(work)
        if isinstance(cells, DictStore):
            called.append((cells.called - before) / count)
        return took, count

    def floor() -> tuple[float, int]:
        return timed(lambda: all_rows.lib.otp_floor_verify(count)), count

    memory, host = "memory store", "callbacks to Python"
    took = group(
        effort,
        name,
        [
            Row("floor", floor),
            Row(memory, lambda: verify(otp.MemoryStore)),
            Row(host, lambda: verify(DictStore)),
            Row("floor again", floor),
        ],
    )
    added = [theirs - ours for theirs, ours in zip(took[host], took[memory], strict=True)]
    report(name, "callbacks, beyond the core", added)
    figure(name, "callbacks for each verify", sum(called) / len(called), "calls")
