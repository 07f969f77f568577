"""What a store refuses when it is opened, and what its module needs."""

import contextlib
import os
import pathlib
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import servers
import stores
from psycopg_pool import ConnectionPool

import otp_engine as otp
from otp_engine.stores.psycopg import PsycopgStore, migrate
from otp_engine.stores.psycopg2 import Psycopg2Store
from otp_engine.stores.redis import RedisStore, _is_new_enough


@pytest.fixture(scope="module")
def shared_postgres() -> Iterator[Any]:
    with stores.server("psycopg") as started:
        yield started


@pytest.fixture
def postgres(shared_postgres: Any) -> Any:
    stores.forget_cells(shared_postgres.address)
    return shared_postgres


@pytest.fixture(scope="module")
def redis_server() -> Iterator[Any]:
    with stores.server("redis") as started:
        yield started


each_driver = pytest.mark.parametrize("kind", stores.POSTGRES)


def opens(kind: str, address: str, **options: Any) -> None:
    with stores.opened(kind, address, **options):
        pass


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
@each_driver
def test_a_server_that_does_not_flush_is_refused(kind: str, postgres: Any, setting: str) -> None:
    with psycopg.connect(postgres.address, autocommit=True) as admin:
        admin.execute(f"ALTER SYSTEM SET {setting} = off".encode())
        admin.execute("SELECT pg_reload_conf()")
        try:
            shown = f"SHOW {setting}".encode()
            servers.wait_until(
                "the setting is off", lambda: admin.execute(shown).fetchone() == ("off",)
            )
            with pytest.raises(otp.UnavailableError, match=f"{setting}=off"):
                opens(kind, postgres.address)
        finally:
            admin.execute(f"ALTER SYSTEM RESET {setting}".encode())
            admin.execute("SELECT pg_reload_conf()")
            servers.wait_until(
                "the setting is on", lambda: admin.execute(shown).fetchone() == ("on",)
            )
    opens(kind, postgres.address)


@pytest.mark.parametrize(
    ("setting", "fits"),
    [
        ("synchronous_commit=off", False),
        ("synchronous_commit=local", False),
        ("synchronous_commit=remote_apply", True),
        ("default_transaction_read_only=on", False),
        ("default_transaction_isolation=serializable", True),
    ],
)
@each_driver
def test_a_session_that_does_not_keep_what_it_answers_is_refused(
    kind: str, postgres: Any, setting: str, fits: bool
) -> None:
    address = f"{postgres.address} options='-c {setting}'"
    if fits:
        opens(kind, address)
        return
    name = setting.removeprefix("default_").replace("read_only", "read_only")
    with pytest.raises(otp.UnavailableError, match=name):
        opens(kind, address)


@each_driver
def test_a_store_that_may_lose_commits_says_so(kind: str, postgres: Any) -> None:
    address = f"{postgres.address} options='-c synchronous_commit=off'"
    with stores.opened(kind, address, may_lose_commits_on_crash=True) as store:
        assert not store.permanent
        with pytest.raises(otp.UnsupportedError):
            store.commit([stores.write(), stores.write(2, discard_after=None)], 0)
        assert stores.version(store) == 0
        assert store.commit([stores.write()], 0)


BREAKS = {
    "layout 2": "INSERT INTO SCHEMA.otp_layout VALUES (2)",
    "layout 0": "DELETE FROM SCHEMA.otp_layout",
    "otp_cell not found": "DROP TABLE SCHEMA.otp_layout",
    "not logged": "ALTER TABLE SCHEMA.otp_cell SET UNLOGGED",
    "no primary key": "ALTER TABLE SCHEMA.otp_cell DROP CONSTRAINT otp_cell_pkey",
    "triggers": "ALTER TABLE SCHEMA.otp_cell DISABLE TRIGGER otp_cell_keep_rows",
    "other columns": "ALTER TABLE SCHEMA.otp_cell ADD note text",
}


@each_driver
def test_where_there_are_no_tables_the_message_has_the_command_that_makes_them(
    kind: str, postgres: Any
) -> None:
    schema = f"otp_pasted_{kind}"
    with pytest.raises(otp.UnavailableError, match=f"not found in schema {schema}; ") as raised:
        opens(kind, postgres.address, schema=schema)
    _, command = str(raised.value).split("tables: ")
    words = shlex.split(command.replace("dbname=NAME", postgres.address))
    done = subprocess.run(
        [sys.executable, *words[1:]], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert (words[0], done.returncode) == ("python", 0), done.stderr
    opens(kind, postgres.address, schema=schema)


@pytest.mark.parametrize("said", BREAKS)
@each_driver
def test_another_layout_is_refused(kind: str, postgres: Any, said: str) -> None:
    schema = f"otp_{kind}_{list(BREAKS).index(said)}"
    stores.make_tables(kind, postgres.address, schema=schema)
    stores.make_tables(kind, postgres.address, schema=schema)  # nothing is left to do
    opens(kind, postgres.address, schema=schema)
    with psycopg.connect(postgres.address) as owner:
        owner.execute(BREAKS[said].replace("SCHEMA", schema).encode())
    with pytest.raises(otp.UnavailableError, match=said):
        opens(kind, postgres.address, schema=schema)
    if said == "layout 2":
        with pytest.raises(otp.UnavailableError):
            stores.make_tables(kind, postgres.address, schema=schema)


@each_driver
def test_a_role_needs_no_more_than_is_documented(kind: str, postgres: Any) -> None:
    role = f"otp_app_{kind}"
    with psycopg.connect(postgres.address) as owner:
        owner.execute(
            f"""CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA otp_engine TO {role};
            GRANT SELECT ON otp_engine.otp_layout TO {role};
            GRANT SELECT, INSERT, UPDATE ON otp_engine.otp_cell TO {role}""".encode()
        )
    address = postgres.address.replace("user=otp", f"user={role}")
    with stores.opened(kind, address) as store:
        assert store.commit([stores.write(7)], 0)
        with pytest.raises(otp.UnavailableError, match="42501"):
            store.purge(2**40, 1)


@each_driver
def test_a_standby_is_refused(kind: str) -> None:
    with servers.own_folder() as folder, servers.PostgresServer(folder) as server:
        opened = f"{server.address} connect_timeout=60"
        with psycopg.connect(opened) as owner:
            migrate(owner)
        server.kill()
        (folder / "data" / "standby.signal").touch()
        server.resume()
        with pytest.raises(otp.UnavailableError, match="standby"):
            opens(kind, opened)


def certificate(folder: pathlib.Path, name: str) -> pathlib.Path:
    """Make a certificate for db.example that is its own root, with its key beside it."""
    path, key = folder / name, folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=db.example", "-addext",
         "subjectAltName=DNS:db.example", "-keyout", key, "-out", path],
        check=True, capture_output=True,
    )  # fmt: skip
    if os.geteuid() == 0:
        shutil.chown(key, "postgres")
    return path


@each_driver
def test_case_710_a_store_works_with_the_server_that_its_client_has_verified(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with servers.own_folder() as folder:
        root, another = certificate(folder, "root"), certificate(folder, "another")
        settings = [f"ssl_cert_file={root}", f"ssl_key_file={root}.key", "ssl=on", f"port={port}"]
        with servers.PostgresServer(folder, "listen_addresses=127.0.0.1", *settings) as server:
            local = f"{server.address} port={port}"
            stores.make_tables(kind, local)

            def address(host: str, trusted: pathlib.Path) -> str:
                at = f"host={host} hostaddr=127.0.0.1 port={port} user=otp dbname=postgres"
                return f"{at} sslmode=verify-full sslrootcert={trusted}"

            with stores.opened(kind, address("db.example", root)) as store:
                assert store.commit([stores.write()], 0)
                with psycopg.connect(local) as admin:
                    sessions = admin.execute(
                        "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE"
                        " backend_type = 'client backend' AND pid <> pg_backend_pid()"
                    ).fetchall()
                assert set(sessions) == {(True,)}
            for host, trusted in (("db.example", another), ("other.example", root)):
                with pytest.raises(otp.UnavailableError, match="no connection"):
                    opens(kind, address(host, trusted), connection_wait=1.0)


def test_a_server_that_is_not_there_is_unavailable(tmp_path: Any) -> None:
    address = f"host={tmp_path} user=otp dbname=postgres"
    with (
        ConnectionPool(address, min_size=1, open=True) as pool,
        pytest.raises(otp.UnavailableError, match="no connection"),
    ):
        PsycopgStore(pool, connection_wait=0.1)
    with pytest.raises(otp.UnavailableError, match="no connection"):
        Psycopg2Store(stores.connecting(address))
    closed = ConnectionPool(address, open=False)
    with pytest.raises(otp.UnavailableError, match="no connection"):
        PsycopgStore(closed)
    with pytest.raises(otp.UnavailableError, match="cannot connect to Redis"):
        RedisStore(stores.client(str(tmp_path / "socket")))


@pytest.mark.parametrize(
    ("setting", "value", "risk"),
    [
        ("maxmemory-policy", "allkeys-lru", "may_evict_counted_attempts"),
        ("appendfsync", "everysec", "may_lose_commits_on_crash"),
        ("no-appendfsync-on-rewrite", "yes", "may_lose_commits_on_crash"),
        ("appendonly", "no", "may_lose_commits_on_crash"),
    ],
)
def test_redis_settings_are_checked(redis_server: Any, setting: str, value: str, risk: str) -> None:
    admin = stores.client(redis_server.address)
    sound = admin.config_get(setting)[setting]
    admin.config_set(setting, value)
    try:
        with pytest.raises(otp.UnavailableError, match="is required"):
            RedisStore(stores.client(redis_server.address))
        RedisStore(stores.client(redis_server.address), **{risk: True})
    finally:
        admin.config_set(setting, sound)
    RedisStore(stores.client(redis_server.address))


def test_case_255_a_node_of_a_cluster_is_refused_unless_it_serves_all_slots() -> None:
    # Its nodes speak to each other on a port even where its clients have none.
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
    with stores.server("redis", "--cluster-enabled", "yes", "--cluster-port", port) as node:
        admin = stores.client(node.address)
        for slots in ("", "0 8191"):
            if slots:
                admin.execute_command("CLUSTER", "ADDSLOTSRANGE", *slots.split())
            with pytest.raises(otp.UnavailableError, match="a node of a Redis Cluster"):
                RedisStore(stores.client(node.address))
        admin.execute_command("CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
        RedisStore(stores.client(node.address))


def test_case_256_a_sentinel_is_refused(tmp_path: pathlib.Path) -> None:
    class Sentinel(servers.RedisServer):
        def command(self) -> list[str]:
            (settings := tmp_path / "sentinel.conf").write_text("")
            where = ("--dir", str(self.folder), "--unixsocket", str(self.socket))
            return servers._mortal(
                "redis-server", str(settings), "--sentinel", "--port", "0", *where
            )

    refused = pytest.raises(otp.UnavailableError, match="the server is a Sentinel")
    with servers.own_folder() as folder, Sentinel(folder) as sentinel, refused:
        RedisStore(stores.client(sentinel.address))
    with pytest.raises(TypeError, match="master_for"):
        RedisStore(object())  # type: ignore[arg-type]


def test_each_new_connection_is_checked(redis_server: Any) -> None:
    client = stores.client(redis_server.address)
    store = RedisStore(client)
    assert stores.version(store) == 0
    admin = stores.client(redis_server.address)
    admin.config_set("appendfsync", "everysec")
    try:
        assert stores.version(store) == 0  # on the connection that was checked
        client.connection_pool.disconnect()
        with pytest.raises(otp.UnavailableError, match="everysec"):
            stores.version(store)
    finally:
        admin.config_set("appendfsync", "always")
    assert stores.version(store) == 0


def test_where_config_is_forbidden_the_caller_states_it(redis_server: Any) -> None:
    admin = stores.client(redis_server.address)
    rights = "+mget +evalsha +eval +get +getrange +set +time +info"
    admin.execute_command("ACL", "SETUSER", "otp", "on", ">secret", "~*", *rights.split())
    other = {"username": "otp", "password": "secret", "driver_info": None}
    with pytest.raises(otp.UnavailableError, match="set it explicitly"):
        RedisStore(stores.client(redis_server.address, **other))
    stated = RedisStore(
        stores.client(redis_server.address, **other), states_appendfsync_always=True
    )
    assert stated.commit([stores.write()], 0) and stores.version(stated) == 1
    with pytest.raises(otp.UnavailableError, match="cannot connect"):
        wrong = {**other, "password": "wrong"}
        RedisStore(stores.client(redis_server.address, **wrong))


def test_the_clock_of_redis_is_checked(redis_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = RedisStore._now
    for off, fits in ((29, True), (-29, True), (32, False), (-32, False)):
        monkeypatch.setattr(RedisStore, "_now", lambda self, off=off: now(self) + off)
        refused: Any = pytest.raises(otp.UnavailableError, match="clock")
        with contextlib.nullcontext() if fits else refused:
            RedisStore(stores.client(redis_server.address))


def test_versions_from_6_2_on_are_new_enough() -> None:
    fits = {"6.2.0", "7.0.15", "10.0"}
    for version in (*fits, "6.1.9", "5.9.9", "7", "", "x.2"):
        assert _is_new_enough(version) == (version in fits), version


CLIENTS = [("psycopg", "psycopg_pool"), ("psycopg2", "psycopg2"), ("redis", "redis")]


@pytest.mark.parametrize(("extra", "client"), CLIENTS)
def test_a_client_that_is_missing_is_named_with_its_extra(extra: str, client: str) -> None:
    def run(text: str) -> str:
        paths = f"import sys; sys.path[:] = {sys.path!r}; "
        ended = subprocess.run([sys.executable, "-c", paths + text], capture_output=True, text=True)
        return ended.stdout + ended.stderr

    missing = run(f"sys.modules[{client!r}] = None; import otp_engine.stores.{extra}")
    assert "ImportError" in missing and f"pip install 'otp-engine[{extra}]'" in missing
    assert run(f"import otp_engine.stores; print({client!r} in sys.modules)") == "False\n"
    assert run(f"import otp_engine.stores.{extra}; print({client!r} in sys.modules)") == "True\n"
