"""The stores on PostgreSQL behind PgBouncer, and before servers that answer late or not at all."""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import psycopg2
import pytest
import servers
import stores
from psycopg_pool import ConnectionPool

import otp_engine as otp
from otp_engine.stores import _postgres_layout as layout
from otp_engine.stores._postgres_wire import turn
from otp_engine.stores.psycopg import PsycopgStore, migrate
from otp_engine.stores.psycopg2 import Psycopg2Store

MESS = """SET synchronous_commit = off; SET client_min_messages = error;
    SET default_transaction_isolation = serializable; SET default_transaction_read_only = on;
    SET lock_timeout = 1; SET statement_timeout = 50; SET search_path = mess"""
"""What a client does to a session that the next one gets."""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Any]:
    with stores.server("psycopg") as started:
        yield started


@pytest.fixture
def server(postgres: Any) -> Any:
    stores.forget_cells(postgres.address)
    return postgres


@contextlib.contextmanager
def pooler(server: Any, mode: str, most: int) -> Iterator[str]:
    with servers.own_folder() as folder, servers.Pooler(folder, server, mode, most) as started:
        yield started.address


@contextlib.contextmanager
def opened(kind: str, address: str, most: int = 4, **options: Any) -> Iterator[Any]:
    if kind == "psycopg2":
        with Psycopg2Store(stores.connecting(address), max_connections=most, **options) as store:
            yield store
        return
    with ConnectionPool(address, min_size=1, max_size=most, open=True) as pool:
        yield PsycopgStore(pool, **options)


each_driver = pytest.mark.parametrize("kind", stores.POSTGRES)


def watch(owner: Any, *schemas: str) -> None:
    """Let each write say how it is committed."""
    owner.execute(
        """DROP TABLE IF EXISTS seen;
        DROP SCHEMA IF EXISTS mess CASCADE; DROP SCHEMA IF EXISTS one CASCADE;
        DROP SCHEMA IF EXISTS two CASCADE;
        CREATE TABLE seen (durable text, isolation text, place text);
        CREATE OR REPLACE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO public.seen VALUES (current_setting('synchronous_commit'),
                current_setting('transaction_isolation'), TG_TABLE_SCHEMA);
            RETURN NULL;
        END $$;
        CREATE SCHEMA mess;
        CREATE TABLE mess.otp_cell (LIKE otp_engine.otp_cell INCLUDING ALL)"""
    )
    for schema in schemas:
        migrate(owner, schema=schema)
        owner.execute(
            f"""CREATE TRIGGER see AFTER INSERT OR UPDATE ON {schema}.otp_cell
            FOR EACH ROW EXECUTE FUNCTION see()""".encode()
        )


@each_driver
def test_case_226_two_schemas_share_the_sessions_of_a_pooler(kind: str, server: Any) -> None:
    with psycopg.connect(server.address) as owner:
        watch(owner, "one", "two")
    is_over = threading.Event()
    faults: list[BaseException] = []

    def mess(address: str) -> None:
        with psycopg.connect(address, autocommit=True) as other:
            while not is_over.is_set():
                with contextlib.suppress(psycopg.Error):
                    other.execute(MESS)

    def play(store: Any, key: int) -> None:
        try:
            for expected in range(6):
                assert store.commit([stores.write(key, expected)], 0)
                assert stores.version(store, key) == expected + 1
        except BaseException as error:
            faults.append(error)

    with (
        pooler(server, "transaction", 3) as address,
        opened(kind, address, schema="one") as one,
        opened(kind, address, schema="two") as two,
    ):
        messing = threading.Thread(target=mess, args=[address])
        players = [
            threading.Thread(target=play, args=[(one, two)[key % 2], key]) for key in range(6)
        ]
        for thread in [messing, *players]:
            thread.start()
        for thread in players:
            thread.join()
        is_over.set()
        messing.join()
        assert not faults
        assert stores.version(one, 1) == stores.version(two, 0) == 0
        assert one.purge(2**40, 2) == 2
    with psycopg.connect(server.address) as owner:
        seen = owner.execute("SELECT *, count(*) FROM seen GROUP BY 1, 2, 3 ORDER BY 3").fetchall()
        mess_cells = owner.execute("SELECT count(*) FROM mess.otp_cell").fetchone()
    durable = [("on", "read committed", place, 18) for place in ("one", "two")]
    assert (seen, mess_cells) == (durable, (0,))


@pytest.mark.parametrize("mode", ["transaction", "session"])
@each_driver
def test_case_226_a_store_leaves_nothing_on_a_poolers_session(
    kind: str, server: Any, mode: str
) -> None:
    def shown(address: str) -> Any:
        with psycopg.connect(address, autocommit=True, prepare_threshold=None) as other:
            return other.execute(
                """SELECT (SELECT count(*) FROM pg_prepared_statements), count(*) FROM pg_settings
                WHERE setting <> reset_val AND name IN ('synchronous_commit', 'lock_timeout',
                'client_min_messages', 'search_path', 'default_transaction_isolation',
                'statement_timeout', 'idle_in_transaction_session_timeout')"""
            ).fetchone()

    with pooler(server, mode, 1) as address:
        assert shown(address) == (0, 0)
        with opened(kind, address, 1) as store:
            assert store.commit([stores.write()], 0) and not store.commit([stores.write()], 0)
            assert stores.version(store) == 1 and store.purge(0, 1) == 0
            if mode == "transaction":
                assert shown(address) == (0, 0)
        assert shown(address) == (0, 0)


@each_driver
def test_case_226_a_pooler_without_transactions_is_refused_with_the_reason(
    kind: str, server: Any
) -> None:
    with (
        pooler(server, "statement", 2) as address,
        pytest.raises(otp.UnavailableError, match="session or transaction mode"),
        opened(kind, address),
    ):
        pass


@each_driver
def test_case_226_a_store_knows_whether_a_session_is_its_own(kind: str, server: Any) -> None:
    with pooler(server, "session", 2) as pooled:
        for address, is_own in ((server.address, True), (pooled, False)):
            with opened(kind, address) as store, store._connection() as (_, session, _):
                assert session.has_its_own_process == is_own


def test_case_226_a_statements_name_is_that_of_its_text(server: Any) -> None:
    with psycopg.connect(server.address) as owner:
        migrate(owner, schema="another")
    with ConnectionPool(server.address, min_size=1, max_size=1, open=True) as pool:
        PsycopgStore(pool)
        with pool.connection() as connection:
            rows = connection.execute("SELECT name, statement FROM pg_prepared_statements")
            names = {row[0]: row[1] for row in rows.fetchall()}
    assert len(names) == 2 and all("otp_engine.otp_cell" in text for text in names.values())
    with ConnectionPool(server.address, min_size=1, max_size=1, open=True) as pool:
        PsycopgStore(pool, schema="another")
        with pool.connection() as connection:
            rows = connection.execute("SELECT name FROM pg_prepared_statements")
            assert not {row[0] for row in rows.fetchall()} & set(names)


@each_driver
def test_case_227_lost_races_leave_no_line_in_the_servers_log(kind: str, server: Any) -> None:
    lost = []
    with stores.opened(kind, server.address) as store:
        assert store.commit([stores.write(key) for key in range(4)], 0)
        begin = len(server.log())

        def play() -> None:
            for _ in range(12):
                writes = [stores.write(key, stores.version(store, key)) for key in range(4)]
                lost.append(not store.commit(writes, 0))

        players = [threading.Thread(target=play) for _ in range(6)]
        for player in players:
            player.start()
        for player in players:
            player.join()
        assert stores.version(store, 0) == 1 + lost.count(False)
    assert lost.count(True) > 5 and "ERROR" not in server.log()[begin:]


@contextlib.contextmanager
def without_standby(server: Any) -> Iterator[Any]:
    with psycopg.connect(server.address, autocommit=True) as admin:

        def name(standby: str) -> None:
            admin.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{standby}'".encode())
            admin.execute("SELECT pg_reload_conf()")
            servers.wait_until(
                "the setting is there",
                lambda: admin.execute("SHOW synchronous_standby_names").fetchone() == (standby,),
            )

        name("nobody")
        try:
            yield admin
        finally:
            name("")


@each_driver
def test_case_228_a_standby_that_is_gone_costs_no_session_beyond_the_pool(
    kind: str, server: Any
) -> None:
    told = {"done": 0, "unknown": 0, "unavailable": 0}
    lock, is_over = threading.Lock(), threading.Event()
    sessions = """SELECT count(*) FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"""
    with opened(kind, server.address, 3, answer_timeout=0.7, connection_wait=0.5) as store:

        def play(key: int) -> None:
            while not is_over.is_set():
                said = "done"
                try:
                    store.commit([stores.write(key, stores.version(store, key))], 0)
                except otp.UnavailableError:
                    said = "unavailable"
                except otp.StoreError as error:
                    said = "unknown" if error.unknown else "?"
                with lock:
                    told[said] += 1
                time.sleep(0.02)

        players = [threading.Thread(target=play, args=[key]) for key in range(8)]
        start = time.monotonic()
        with without_standby(server) as admin:
            for player in players:
                player.start()
            most = 0
            for _ in range(300):
                most = max(most, admin.execute(sessions).fetchone()[0])
                time.sleep(0.01)
            is_over.set()
            for player in players:
                player.join()
        assert most <= 3, f"{most} sessions of 3 connections"
        # Three at first, three who waited for them, and then one at a time.
        one_by_one = (time.monotonic() - start) / 0.7
        assert 1 <= told["unknown"] <= 6 + one_by_one, told
        assert told["unavailable"] > told["unknown"], told

        def is_answered() -> bool:
            with contextlib.suppress(otp.StoreError):
                return bool(store.commit([stores.write(99, stores.version(store, 99))], 0))
            return False

        servers.wait_until("commits are answered again", is_answered)
        for key in range(100, 103):
            assert store.commit([stores.write(key)], 0)


@pytest.mark.parametrize("hears", ["warning", "error"])
@each_driver
def test_case_228_a_wait_that_is_cut_short_is_unknown(kind: str, server: Any, hears: str) -> None:
    said: list[otp.StoreError] = []
    address = f"{server.address} options='-c client_min_messages={hears}'"
    waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    with stores.opened(kind, address) as store:

        def play() -> None:
            for expected in range(1_000):
                try:
                    store.commit([stores.write(1, expected)], 0)
                except otp.StoreError as error:
                    said.append(error)
                    return

        player = threading.Thread(target=play)
        with without_standby(server) as admin:
            player.start()
            servers.wait_until(
                "a commit waits", lambda: admin.execute(f"SELECT pid {waiting}".encode()).fetchone()
            )
            admin.execute(f"SELECT pg_cancel_backend(pid) {waiting}".encode())
            player.join()
    assert said and said[0].unknown and "warning" in str(said[0])


def test_case_229_the_next_host_is_tried_after_silence(server: Any) -> None:
    with stores.server("psycopg") as new:
        address = f"host={server.folder},{new.folder} user=otp dbname=postgres"
        both = {"host": f"{server.folder},{new.folder}"}
        for conninfo, kwargs in ((address, {}), ("user=otp dbname=postgres", both)):
            with ConnectionPool(conninfo, kwargs=kwargs, min_size=1, max_size=2, open=True) as pool:
                store = PsycopgStore(pool, answer_timeout=0.7)
                assert store.commit([stores.write(5, stores.version(store, 5))], 0)
                with without_standby(server):
                    with pytest.raises(otp.StoreError) as told:
                        for _ in range(1_000):
                            store.commit([stores.write(6, stores.version(store, 6))], 0)
                    assert told.value.unknown
                    key = 7 + bool(kwargs)
                    assert store.commit([stores.write(key)], 0)
                    assert stores.version(store, 5) == 0
            with opened("psycopg", new.address) as there:
                assert stores.version(there, key) == 1


def test_case_470_after_silence_psycopg2_is_connected_anew_where_the_caller_says(
    server: Any,
) -> None:
    with stores.server("psycopg2") as new:
        places = [server.address]

        def connect() -> Any:
            return psycopg2.connect(places[-1])

        with Psycopg2Store(connect, answer_timeout=0.7) as store:
            assert store.commit([stores.write(5)], 0)
            with without_standby(server):
                places.append(new.address)
                with pytest.raises(otp.StoreError) as told:
                    for _ in range(1_000):
                        store.commit([stores.write(6, stores.version(store, 6))], 0)
                assert told.value.unknown
                assert store.commit([stores.write(7)], 0)
        with opened("psycopg2", new.address) as there:
            assert [stores.version(there, key) for key in (5, 7)] == [0, 1]


def test_case_229_lists_of_hosts_are_turned_together() -> None:
    given = {"host": "a,b", "port": "1,2", "user": "u", "hostaddr": "10.0.0.1,10.0.0.2"}
    assert not turn(given, "b") and turn(given, "10.0.0.1")
    assert given == {"host": "b,a", "port": "2,1", "user": "u", "hostaddr": "10.0.0.2,10.0.0.1"}
    assert not turn({"host": "a", "port": "1"}, "a") and not turn({}, "a")


@each_driver
def test_case_230_a_purge_keeps_to_its_limit_whatever_the_statistics_say(
    kind: str, server: Any
) -> None:
    joined = """DELETE FROM otp_engine.otp_cell WHERE k IN (SELECT k FROM otp_engine.otp_cell
        WHERE discard_after < 100 LIMIT 2 FOR UPDATE SKIP LOCKED)"""
    with psycopg.connect(server.address, autocommit=True) as admin:

        def mislead() -> None:
            admin.execute("ALTER TABLE otp_engine.otp_cell SET (autovacuum_enabled = off)")
            for count in (1, 7):
                admin.execute("DELETE FROM otp_engine.otp_cell")
                admin.execute(
                    f"""INSERT INTO otp_engine.otp_cell SELECT sha256(('x' || n)::bytea), 1, n, ''
                    FROM generate_series(1, {count}) AS n""".encode()
                )
                if count == 1:
                    admin.execute("VACUUM ANALYZE otp_engine.otp_cell")

        mislead()
        assert admin.execute(joined).rowcount == 7, "these statistics do not mislead a join"
        mislead()
        with opened(kind, server.address) as store:
            assert [store.purge(100, limit) for limit in (2, 4, 4, 4)] == [2, 4, 1, 0]
        admin.execute("ALTER TABLE otp_engine.otp_cell RESET (autovacuum_enabled)")


@each_driver
def test_case_231_a_standby_that_has_not_flushed_is_not_taken_for_durable(
    kind: str, server: Any
) -> None:
    address = f"{server.address} options='-c synchronous_commit=remote_write'"
    with pytest.raises(otp.UnavailableError, match="remote_write"), opened(kind, address):
        pass
    with opened(kind, address, may_lose_commits_on_crash=True) as store:
        assert not store.permanent


def test_case_232_a_version_works_with_its_layout_and_the_one_before() -> None:
    for newest, known in ((1, [1]), (2, [1, 2]), (3, [2, 3])):
        assert [found for found in range(-1, 9) if layout.is_known(found, newest)] == known
