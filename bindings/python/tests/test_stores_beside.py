"""Rows of a host's own that are committed with a signature record, or not at all."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import servers
import stores
from support import binding, issue, signer, wrong
from support import engine_on_any as engine

import otp_engine as otp

each_driver = pytest.mark.parametrize("kind", stores.POSTGRES)
INSERT = "INSERT INTO loan_signature (record, size) VALUES (%s, %s)"


@pytest.fixture(scope="module")
def shared() -> Iterator[Any]:
    with stores.server("psycopg2") as started:
        with psycopg.connect(started.address) as owner:
            owner.execute(
                """CREATE TABLE loan_signature (record text NOT NULL, size int);
                CREATE UNIQUE INDEX ON loan_signature (record)"""
            )
        yield started


@pytest.fixture
def server(shared: Any) -> Any:
    stores.forget_cells(shared.address)
    with psycopg.connect(shared.address) as owner:
        owner.execute("DELETE FROM loan_signature")
    return shared


def rows(server: Any) -> int:
    with psycopg.connect(server.address) as owner:
        (count,) = owner.execute("SELECT count(*) FROM loan_signature").fetchone() or (None,)
    return int(count)


def keep(cursor: Any, write: otp.Write) -> None:
    assert write.kind == 4
    cursor.execute(INSERT, (write.key.hex(), len(write.body)))


@contextlib.contextmanager
def pending(kind: str, address: str, **options: Any) -> Iterator[tuple[otp.Engine, Any, str]]:
    """A store, and the code of a binding that is not used yet."""
    maker = engine(signing_key=signer())
    with stores.opened(kind, address, **options) as store:
        yield maker, store, issue(maker, store, binding()).code


def signed(maker: otp.Engine, store: Any) -> bool:
    return maker.latest_signature(store, "acme", binding().target) is not None


@each_driver
@pytest.mark.parametrize("through", ["", "session", "transaction"])
def test_case_471_row_and_record_are_committed_together(
    kind: str, server: Any, through: str
) -> None:
    with contextlib.ExitStack() as stack:
        address, seen = server.address, []
        if through:
            folder = stack.enter_context(servers.own_folder())
            address = stack.enter_context(servers.Pooler(folder, server, through, 8)).address

        def row(cursor: Any, write: otp.Write) -> None:
            keep(cursor, write)
            seen.append((rows(server), store.load([write.key])))

        maker, store, code = stack.enter_context(pending(kind, address))
        view = store.beside(row)
        assert not maker.verify(view, binding(), wrong(code)) and not seen
        verdict = maker.verify(view, binding(), code)
        assert verdict and verdict.record
        # Nobody saw either before both were there.
        assert (seen, rows(server), signed(maker, store)) == ([(0, [None])], 1, True)
        assert maker.verify(view, binding(), code).rejection == "already_used"
        assert len(seen) == 1
        # The view is a store as the other is.
        assert view.permanent and view.has_cells() is True and view.purge(0, 1) == 0
        # Nothing of the transaction is left on the session.
        with stores.opened(kind, address, connections=1) as other:
            assert other.commit([stores.write()], 0) and stores.version(other) == 1


@each_driver
def test_case_472_a_row_that_fails_undoes_the_record_and_is_the_cause(
    kind: str, server: Any
) -> None:
    class Refused(Exception):
        pass

    def raises(cursor: Any, write: otp.Write) -> None:
        keep(cursor, write)
        raise Refused

    def twice(cursor: Any, write: otp.Write) -> None:
        keep(cursor, write)
        keep(cursor, write)

    def hidden(cursor: Any, write: otp.Write) -> None:
        with contextlib.suppress(Exception):
            twice(cursor, write)

    def refuses(cursor: Any, write: otp.Write) -> None:
        raise otp.FullError("the host's disk is full")

    def interrupted(cursor: Any, write: otp.Write) -> None:
        keep(cursor, write)
        raise KeyboardInterrupt

    with pending(kind, server.address, connections=1) as (maker, store, code):
        for row, error, cause in (
            (raises, otp.UnavailableError, "Refused"),
            (twice, otp.UnavailableError, "UniqueViolation"),
            (hidden, otp.UnavailableError, "Fault"),
            (refuses, otp.FullError, "NoneType"),
            (interrupted, KeyboardInterrupt, "NoneType"),
        ):
            with pytest.raises(error) as said:
                maker.verify(store.beside(row), binding(), code)
            assert type(said.value.__cause__).__name__ == cause, row
            assert not getattr(said.value, "unknown", False)
            assert (rows(server), signed(maker, store)) == (0, False), row
        assert maker.verify(store.beside(keep), binding(), code)
        assert (rows(server), signed(maker, store)) == (1, True)
        with pytest.raises(TypeError, match="row must be callable"):
            store.beside(None)


@each_driver
def test_case_472_a_row_that_loses_a_race_is_written_by_the_next_try(
    kind: str, server: Any
) -> None:
    tries: list[int] = []

    def row(cursor: Any, write: otp.Write) -> None:
        keep(cursor, write)
        tries.append(1)
        if len(tries) == 1:
            cursor.execute("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$")

    with pending(kind, server.address) as (maker, store, code):
        assert maker.verify(store.beside(row), binding(), code)
    assert (len(tries), rows(server)) == (2, 1)


@each_driver
def test_case_472_a_cut_connection_leaves_neither(kind: str, server: Any) -> None:
    def row(cursor: Any, write: otp.Write) -> None:
        keep(cursor, write)
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pending(kind, server.address) as (maker, store, code):
        with pytest.raises(otp.UnavailableError):
            maker.verify(store.beside(row), binding(), code)
        assert (rows(server), signed(maker, store)) == (0, False)
        assert maker.verify(store, binding(), code)


@each_driver
def test_case_473_a_process_that_is_killed_between_leaves_neither(kind: str, server: Any) -> None:
    maker = engine(signing_key=signer())
    with stores.opened(kind, server.address) as store:
        code = issue(maker, store, binding()).code
    child = os.fork()
    if child == 0:

        def row(cursor: Any, write: otp.Write) -> None:
            keep(cursor, write)
            os.kill(os.getpid(), signal.SIGKILL)

        try:
            with stores.opened(kind, server.address) as store:
                engine(signing_key=signer()).verify(store.beside(row), binding(), code)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    with stores.opened(kind, server.address) as store:
        assert (rows(server), signed(maker, store)) == (0, False)
        assert maker.verify(store.beside(keep), binding(), code)
    assert rows(server) == 1


@each_driver
def test_case_473_of_eight_threads_one_writes_a_row(kind: str, server: Any) -> None:
    verdicts: list[bool] = []
    with pending(kind, server.address) as (maker, store, code):

        def play() -> None:
            verdicts.append(bool(maker.verify(store.beside(keep), binding(), code)))

        threads = [threading.Thread(target=play) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (sorted(verdicts), rows(server)) == ([False] * 7 + [True], 1)


@each_driver
def test_case_474_no_log_of_the_server_quotes_a_body(kind: str, server: Any) -> None:
    body = b"60123456789 Siti"
    with stores.opened(kind, server.address, lock_timeout=0.05) as store:
        store.commit([stores.write()], 0)
        with psycopg.connect(server.address) as other:
            other.execute("SELECT FROM otp_engine.otp_cell FOR UPDATE")
            with pytest.raises(otp.UnavailableError, match="55P03"):
                store.commit([stores.write(1, 1, body)], 0)
    assert "lock timeout" in server.log()
    assert not any(word in server.log() for word in (body.decode(), body.hex()))
