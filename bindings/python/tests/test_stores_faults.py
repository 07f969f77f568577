"""What a store on a server makes of lost answers, full servers, locks, forks and odd clients."""

import contextlib
import dataclasses
import os
import threading
import traceback
from collections.abc import Iterator
from typing import Any

import psycopg
import psycopg2
import pytest
import redis
import servers
import stores
from redis.backoff import NoBackoff
from redis.cache import CacheConfig
from redis.retry import Retry
from support import binding, issue, signer, wrong
from support import engine_on_any as engine

import otp_engine as otp
from otp_engine.stores import _redis_session
from otp_engine.stores.psycopg import PsycopgStore
from otp_engine.stores.psycopg2 import Psycopg2Store
from otp_engine.stores.redis import RedisStore

only_postgres = pytest.mark.parametrize("kind", stores.POSTGRES, indirect=True, scope="module")
only_redis = pytest.mark.parametrize("kind", ["redis"], indirect=True, scope="module")


@pytest.fixture(scope="module", params=stores.KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def shared(kind: str) -> Iterator[Any]:
    """A server that the tests of this file share; each begins with no cells."""
    with stores.server(kind) as started:
        yield started


@pytest.fixture
def server(kind: str, shared: Any) -> Any:
    if kind in stores.POSTGRES:
        stores.forget_cells(shared.address)
    else:
        stores.client(shared.address).flushall()
    return shared


@contextlib.contextmanager
def before_commit(store: Any, then: Any) -> Iterator[None]:
    """Do something when the next commit begins."""
    sound = store.commit

    def commit(writes: list[otp.Write], now: int) -> bool:
        store.commit = sound
        then()
        return bool(sound(writes, now))

    store.commit = commit
    try:
        yield
    finally:
        store.commit = sound


def test_a_load_and_a_commit_are_a_round_trip_each(kind: str, server: Any) -> None:
    with (
        stores.through_proxy(kind, server) as (proxy, address),
        stores.opened(kind, address, connections=1) as store,
    ):
        store.commit([stores.write()], 0)  # connected, checked, prepared
        for expected in range(1, 4):
            before = proxy.round_trips
            assert stores.version(store) == expected
            assert proxy.round_trips == before + 1
            assert store.commit([stores.write(1, expected), stores.write(2, expected - 1)], 0)
            assert proxy.round_trips == before + 2
            assert not store.commit([stores.write(1, expected)], 0)
            assert proxy.round_trips == before + 3


@pytest.mark.parametrize("lost", ["reply", "request"])
def test_a_cut_in_mid_commit_is_unknown_and_no_acceptance(
    kind: str, server: Any, lost: str
) -> None:
    maker, to = engine(), binding()
    with (
        stores.through_proxy(kind, server) as (proxy, address),
        stores.opened(kind, address, connections=1) as store,
    ):
        code = issue(maker, store, to).code
        with before_commit(store, lambda: proxy.lose(lost)), pytest.raises(otp.StoreError) as said:
            maker.verify(store, to, code)
        assert said.value.unknown
        # The next call tells what became of it, and works by itself.
        verdict = maker.verify(store, to, code)
        assert verdict.rejection == ("already_used" if lost == "reply" else None)
        # A load changes nothing, and is asked again.
        proxy.lose(lost)
        assert maker.verify(store, to, code).rejection == "already_used"


def test_a_commit_is_never_sent_again_whatever_the_client_would_do(kind: str, server: Any) -> None:
    with stores.through_proxy(kind, server) as (proxy, address):
        if kind in stores.POSTGRES:
            context: Any = stores.opened(kind, address, connections=1)
        else:
            eager = stores.client(address, retry=Retry(NoBackoff(), 10))
            context = contextlib.nullcontext(RedisStore(eager))
        with context as store:
            store.commit([stores.write()], 0)
            proxy.lose("reply")
            with pytest.raises(otp.StoreError) as said:
                store.commit([stores.write(1, 1)], 0)
            assert said.value.unknown
            assert stores.version(store) == 2
        if kind == "redis":
            # The same by the client's own way: what was made is told as a lost race.
            arguments = _redis_session.encode([stores.write(1, 2)])
            proxy.lose("reply")
            assert eager.execute_command("EVAL", _redis_session.COMMIT, *arguments) == 0


def test_a_silent_server_is_waited_for_a_limited_time(kind: str, server: Any) -> None:
    with (
        stores.through_proxy(kind, server) as (proxy, address),
        stores.opened(kind, address, connections=1) as store,
    ):
        store.commit([stores.write()], 0)
        be_impatient(kind, store, 0.2)  # what is lost never comes, on no machine
        proxy.lose("answer")
        with pytest.raises(otp.StoreError) as said:
            store.commit([stores.write(1, 1)], 0)
        assert said.value.unknown
        assert stores.version(store) == 2
        be_impatient(kind, store, 0.2)
        proxy.lose("answer")
        with pytest.raises(otp.UnavailableError):
            stores.version(store)
        assert stores.version(store) == 2


@only_postgres
def test_case_320_a_purge_whose_answer_is_lost_may_have_been_made(kind: str, server: Any) -> None:
    with (
        stores.through_proxy(kind, server) as (proxy, address),
        stores.opened(kind, address, connections=1) as store,
    ):
        store.commit([stores.write(discard_after=5)], 0)
        be_impatient(kind, store, 0.2)
        proxy.lose("answer")
        with pytest.raises(otp.StoreError) as said:
            store.purge(6, 1)
        assert said.value.unknown, said.value
        assert "nothing was changed" not in str(said.value)
        assert store.purge(6, 1) == 0, "it was made"


def be_impatient(kind: str, store: Any, seconds: float) -> None:
    """Shorten the next wait on the one connection that is open, and no other one."""
    if kind in stores.POSTGRES:
        with store._connection() as (_, session, _):
            assert session._settings == store._settings
            session._settings = dataclasses.replace(session._settings, answer_timeout=seconds)
        return
    with store._connection() as connection:
        sound = connection.read_response

    def read(**how: Any) -> Any:
        connection.read_response = sound
        return sound(**how, timeout=seconds)

    connection.read_response = read


def test_a_connection_that_was_cut_while_idle_is_not_used(kind: str, server: Any) -> None:
    with stores.opened(kind, server.address) as store:
        store.commit([stores.write()], 0)
        if kind in stores.POSTGRES:
            with psycopg.connect(server.address, autocommit=True) as admin:
                others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = 'otp'"
                admin.execute(f"SELECT pg_terminate_backend(pid) {others}")
                servers.wait_until(
                    "the sessions have ended",
                    lambda: admin.execute(f"SELECT count(*) {others}").fetchone() == (0,),
                )
        else:
            server.kill()
            server.resume()
        # Not unknown: nothing was sent on it.
        assert store.commit([stores.write(1, 1)], 0)


def test_a_full_server_refuses_and_keeps_what_it_has(kind: str, server: Any) -> None:
    with stores.opened(kind, server.address) as store, full(kind, server.address) as fill:
        maker, to = engine(), binding()
        code = issue(maker, store, to).code
        fill()
        with pytest.raises(otp.FullError):
            store.commit([stores.write(1), stores.write(2)], 0)
        assert [stores.version(store, key) for key in (1, 2)] == [0, 0]
        with pytest.raises(otp.FullError):
            maker.issue(store, binding("another", user="8", mobile="60123456780"))
    with stores.opened(kind, server.address) as store:
        assert maker.verify(store, to, code)


@contextlib.contextmanager
def full(kind: str, address: str) -> Iterator[Any]:
    if kind == "redis":
        admin = stores.client(address)
        yield lambda: admin.config_set("maxmemory", 1)
        admin.config_set("maxmemory", 0)
        return
    with reporting(address) as report:
        yield lambda: report("disk_full")


@contextlib.contextmanager
def reporting(address: str) -> Iterator[Any]:
    """Let each insert fail with a condition, and with a detail as of a row."""
    with psycopg.connect(address, autocommit=True) as admin:

        def report(condition: str) -> None:
            admin.execute(
                f"""CREATE FUNCTION planted() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    RAISE EXCEPTION 'planted' USING ERRCODE = '{condition}', DETAIL = 'canary';
                END $$;
                CREATE TRIGGER planted BEFORE INSERT ON otp_engine.otp_cell
                FOR EACH ROW EXECUTE FUNCTION planted()"""
            )

        yield report
        admin.execute("DROP FUNCTION planted CASCADE")


@only_postgres
@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("out_of_memory", "unavailable"),
        ("too_many_connections", "unavailable"),
        ("query_canceled", "unavailable"),
        ("connection_failure", "unknown"),
        ("statement_completion_unknown", "unknown"),
        ("serialization_failure", "conflict"),
        ("deadlock_detected", "conflict"),
    ],
)
def test_what_postgresql_reports_is_what_it_means(
    kind: str, server: Any, condition: str, kept: str
) -> None:
    with stores.opened(kind, server.address) as store, reporting(server.address) as report:
        report(condition)
        try:
            assert store.commit([stores.write()], 0) is False
            found = "conflict"
        except otp.UnavailableError as error:
            found, said = "unavailable", error
        except otp.StoreError as error:
            found, said = "unknown" if error.unknown else "?", error
        assert found == kept
        if found != "conflict":
            # A detail may quote a row.
            assert "planted" in str(said) and "canary" not in "".join(
                traceback.format_exception(said)
            )


@only_postgres
def test_case_405_a_commit_with_a_warning_is_one_of_which_nothing_is_known(
    kind: str, server: Any
) -> None:
    """As PostgreSQL's where a wait for a standby is cut short: made here, perhaps here alone."""
    maker, to = engine(), binding()
    with (
        stores.opened(kind, server.address) as store,
        psycopg.connect(server.address, autocommit=True) as admin,
    ):
        admin.execute(
            """CREATE FUNCTION warns() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE WARNING 'canceling the wait for synchronous replication due to user request';
            RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER warns AFTER INSERT OR UPDATE ON otp_engine.otp_cell
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION warns()"""
        )
        try:
            with pytest.raises(otp.StoreError) as raised:
                maker.issue(store, to)
        finally:
            admin.execute("DROP FUNCTION warns CASCADE")
        assert raised.value.unknown and "committed with a warning" in str(raised.value)
        # It was made: the same code stands, and the engine finds it.
        found = maker.status(store, to)
        assert found is not None and found.state == "pending"
        refused = maker.issue(store, to)
        assert isinstance(refused, otp.Refusal) and refused.reason == "cooldown"


@only_redis
def test_what_redis_reports_is_what_it_means(kind: str, server: Any) -> None:
    admin = stores.client(server.address)
    with stores.opened(kind, server.address) as store:
        store.commit([stores.write()], 0)
        past = stores.write(2, discard_after=1_000)
        with pytest.raises(otp.UnavailableError, match="OTPTILL"):
            store.commit([stores.write(1, 1), past], 0)
        admin.script_flush()
        assert store.commit([stores.write(1, 1)], 0)
        name = _redis_session.name(bytes([3]) * 32)
        admin.rpush(name, "foreign")
        with pytest.raises(otp.UnavailableError):
            store.commit([stores.write(1, 2), stores.write(3)], 0)
        admin.set(name, "foreign")
        with pytest.raises(otp.UnavailableError):
            stores.version(store, 3)
        with pytest.raises(otp.UnsupportedError):
            store.commit([stores.write(1, 2), stores.write(4, discard_after=2**62)], 0)
        assert stores.version(store) == 2 and stores.version(store, 4) == 0
        admin.replicaof("localhost", 1)  # nobody is there
        try:
            with pytest.raises(otp.UnavailableError):
                store.commit([stores.write(1, 2)], 0)
            with pytest.raises(otp.UnavailableError, match="role"):
                stores.version(store)  # each new connection is checked
        finally:
            admin.replicaof("NO", "ONE")
        assert store.commit([stores.write(1, 2)], 0)


@only_postgres
def test_a_lock_that_somebody_holds_is_waited_for_a_limited_time(kind: str, server: Any) -> None:
    with stores.opened(kind, server.address, lock_timeout=0.05) as store:
        store.commit([stores.write()], 0)
        with psycopg.connect(server.address) as other:
            other.execute("SELECT FROM otp_engine.otp_cell FOR UPDATE")
            with pytest.raises(otp.UnavailableError, match="55P03"):
                store.commit([stores.write(1, 1)], 0)
        assert store.commit([stores.write(1, 1)], 0)


@only_postgres
def test_a_session_that_was_reset_is_set_up_again(kind: str, server: Any) -> None:
    def ask(store: Any, *statements: str) -> Any:
        with store._connection() as (connection, _, _):
            own = connection.own if kind == "psycopg2" else connection
            own.autocommit = True
            cursor = own.cursor()
            for statement in statements:
                cursor.execute(statement)
            said = cursor.fetchone()
            own.autocommit = kind == "psycopg2"
        return said

    with stores.opened(kind, server.address, connections=1, lock_timeout=3.0) as store:
        store.commit([stores.write()], 0)
        assert ask(store, "DISCARD ALL", "SELECT 1") == (1,)
        assert store.commit([stores.write(1, 1)], 0)
        assert ask(store, "SHOW lock_timeout") == ("3s",)


@only_postgres
def test_case_20_nothing_of_the_callers_transaction_undoes_a_guess(kind: str, server: Any) -> None:
    maker, to = engine(), binding()
    with stores.opened(kind, server.address) as store:
        code = issue(maker, store, to).code
        caller = store._pool.connection() if kind == "psycopg" else psycopg2.connect(server.address)
        with pytest.raises(ZeroDivisionError), caller as connection:
            connection.cursor().execute("CREATE TABLE loan (id int)")
            _ = maker.verify(store, to, wrong(code)).attempts_left / 0  # type: ignore[operator]
        assert maker.verify(store, to, wrong(code)).attempts_left == 3


def test_a_whole_signing(kind: str, server: Any) -> None:
    to = binding()
    with stores.opened(kind, server.address) as store:
        maker = engine(signing_key=signer())
        if kind == "redis":
            with pytest.raises(otp.StoreError):
                maker.issue(store, to)
            maker = engine()
        code = issue(maker, store, to).code
        assert maker.verify(store, to, wrong(code)).attempts_left == 4
        verdict = maker.verify(store, to, code)
        assert verdict and bool(verdict.record) == (kind in stores.POSTGRES)
        if kind in stores.POSTGRES:
            assert maker.latest_signature(store, "acme", binding().target)


def in_child(work: Any) -> str:
    """Return what a forked child says; an exception is told by its name."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = str(work())
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(write, said.encode())
        os._exit(0)
    os.close(write)
    with open(read, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said


def test_what_a_forked_child_inherits_refuses_and_the_parent_goes_on(
    kind: str, server: Any
) -> None:
    maker, to = engine(), binding()
    with stores.opened(kind, server.address) as store:
        code = issue(maker, store, to).code
        assert in_child(lambda: engine().verify(store, to, code)).startswith("ForkedError")
        assert in_child(lambda: stores.version(store)).startswith("ForkedError: the store was")
        if kind == "psycopg":
            said = in_child(lambda: PsycopgStore(store._pool))
            assert said.startswith("ForkedError: pool was opened before")
        assert maker.verify(store, to, code)


def test_threads_share_a_store(kind: str, server: Any) -> None:
    counted: list[bool] = []
    with stores.opened(kind, server.address) as store:

        def play() -> None:
            for _ in range(20):
                counted.append(store.commit([stores.write(1, stores.version(store))], 0))

        threads = [threading.Thread(target=play) for _ in range(12)]  # more than connections
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(counted) == 240 and stores.version(store) == sum(counted)


def test_other_arguments_are_named(kind: str, server: Any) -> None:
    if kind == "redis":
        with pytest.raises(TypeError, match=r"redis\.Redis"):
            RedisStore(server.address)
        with pytest.raises(ValueError, match="socket_timeout"):
            RedisStore(stores.client(server.address, socket_timeout=None))
        cached = redis.Redis(protocol=3, cache_config=CacheConfig())
        with pytest.raises(ValueError, match="cache"):
            RedisStore(cached)
        assert issue(engine(), RedisStore(stores.client(server.address, protocol=3)), binding())
        texts = stores.client(server.address, decode_responses=True)
        assert issue(engine(), RedisStore(texts), binding("16"))
        return
    if kind == "psycopg2":
        with pytest.raises(TypeError, match="connect must be callable"):
            Psycopg2Store(server.address)
        with pytest.raises(TypeError, match="a connection of psycopg2"):
            Psycopg2Store(lambda: psycopg.connect(server.address))  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="schema"):
            Psycopg2Store(stores.connecting(server.address), schema="otp; DROP")
        for most in (0, 10_001):
            with pytest.raises(ValueError, match="max_connections"):
                Psycopg2Store(stores.connecting(server.address), max_connections=most)
        in_use = psycopg2.connect(server.address)
        in_use.cursor().execute("SELECT 1")
        waiting = psycopg2.connect(server.address, async_=True)
        for wrong_one in (in_use, waiting):
            with contextlib.closing(wrong_one), pytest.raises(ValueError, match="a new connection"):
                Psycopg2Store(lambda wrong_one=wrong_one: wrong_one)
        return
    with pytest.raises(TypeError, match="ConnectionPool"):
        PsycopgStore(server.address)
    with stores.opened(kind, server.address) as store:
        with pytest.raises(ValueError, match="schema"):
            PsycopgStore(store._pool, schema="otp; DROP")
        with pytest.raises(ValueError, match="pool of its own"):
            PsycopgStore(store._pool, schema="other")
        same = dataclasses.asdict(store._settings)
        assert same.pop("is_flushed")
        assert issue(engine(), PsycopgStore(store._pool, **same), binding())


def test_a_store_refuses_what_cannot_be_kept_before_it_asks(kind: str, server: Any) -> None:
    with stores.opened(kind, server.address) as store:
        for writes in (
            [stores.write(key) for key in range(9)],
            [stores.write(), stores.write()],
            [stores.write(body=bytes(16 * 1024 + 1))],
        ):
            with pytest.raises(otp.UnsupportedError):
                store.commit(writes, 0)
        with pytest.raises(otp.UnsupportedError):
            store.load([bytes([key]) * 32 for key in range(9)])
        assert store.load([]) == [] and store.commit([], 0)
        assert store.commit([stores.write(key) for key in range(8)], 0)
        assert store.commit([stores.write(8, body=bytes(16 * 1024))], 0)
        for much in (2**63 - 1, 2**64 - 1):
            assert not store.commit([stores.write(9, much)], 0)
