"""A store is backed up and restored by the commands of docs/operations.md, as they are printed."""

import json
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from database import Database, address
from service import Client, Result, Service, users, wait_until

#: The command `otp`, as `cargo xtask test --only service` built it.
COMMAND = "OTP_COMMAND"
ROOT = Path(__file__).parents[3]
MAKE, RESTORE, FROM_DATABASE, TO_DATABASE = re.findall(
    r"```sh\n(.*?)```",
    (ROOT / "docs/operations.md")
    .read_text()
    .partition("\n## Backing up the reference service\n")[2]
    .partition("\n## ")[0],
    re.DOTALL,
)
#: The databases that they name.
BEFORE, AFTER, BY_HAND, EMPTY = "otp", "recovered", "by_hand", "empty"
LINKED, CONNECTED = "linked", "connected"
#: Fields signed before the backup; whose code is used after it, or never; signed after it.
SIGNED, USED, LIVE, LATER = 1, 2, 3, 4
CLIENTS = 3

Ran = subprocess.CompletedProcess[str]


class Machine:
    """A folder as the commands take it to be."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder, self.is_postgres = folder, kind == "postgres"
        folder.mkdir()
        (folder / "deploy").symlink_to(ROOT / "deploy")

    def run(self, *lines: str, database: str = "", **more: str) -> Ran:
        """Run commands, for a database if it is PostgreSQL's, and return how they ended."""
        text = "".join(lines).replace("postgres://otp_owner@%2Frun%2Fpostgresql/", address())
        more |= {"OTP_DATABASE": address() + database} if database and self.is_postgres else {}
        path = f"{Path(os.environ[COMMAND]).parent}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-euc", text.replace("otp_owner", os.environ["PGUSER"])],
            cwd=self.folder,
            env={**os.environ, "PATH": path, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def start(self, database: str, *options: str) -> Service:
        """Start the service on the folder's store, or on the database."""
        if self.is_postgres:
            options += ("--database", address() + database)
        return Service(self.folder, *options)

    def epoch(self, keys: str = "data") -> int:
        """Return the epoch of a key ring."""
        ring = json.loads((self.folder / keys / "keys.json").read_text())
        return int(ring["epoch"])


@dataclass
class Lost:
    """A machine whose store is gone, and what its user has."""

    machine: Machine
    user: int
    signed: Result
    codes: dict[int, str]
    said: str = ""


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def lost(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lost]:
    """Lose a store whose backup does not know of the last codes that were used."""
    machine = Machine(tmp_path_factory.mktemp("backup") / request.param, request.param)
    databases = [Database(name) for name in (BEFORE, AFTER, BY_HAND, EMPTY, LINKED, CONNECTED)]
    databases[1].drop()  # the page makes it
    service = machine.start(BEFORE, *(("--migrate",) if machine.is_postgres else ()))
    client = Client(service, next(users))
    assert client.verify(SIGNED, send(service, client, SIGNED))["status"] == 200
    signed = client.signature(SIGNED)
    codes = {record: send(service, client, record) for record in (USED, LIVE)}
    (machine.folder / "keys.jwks").write_text(service.get("/.well-known/jwks.json"))
    lines = (FROM_DATABASE, MAKE) if machine.is_postgres else (MAKE,)
    made = amid_requests(service, lambda: machine.run(*lines))
    assert made.returncode == 0, made.stdout
    client = Client(service, client.user)  # its connection idled
    assert client.verify(USED, codes[USED])["status"] == 200
    assert client.verify(LATER, send(service, client, LATER))["status"] == 200
    service.kill()
    databases[0].drop()
    for file in (machine.folder / "data").glob("otp.sqlite3*"):
        file.unlink()
    yield Lost(machine, client.user, signed, codes)
    for database in databases:
        database.drop()


@pytest.fixture(scope="module")
def restored(lost: Lost) -> Lost:
    """Restore it as the page says."""
    start = TO_DATABASE if lost.machine.is_postgres else ""
    done = lost.machine.run(start, "export OTP_REFERENCE_DATA=data\n", RESTORE)
    assert done.returncode == 0, done.stdout
    lost.said = done.stdout
    return lost


def send(service: Service, client: Client, record: int) -> str:
    """Send a code and return it."""
    sent = client.send(record)
    assert sent["status"] == 200, sent
    return service.code(sent["recipient_mobile"])


def amid_requests(service: Service, work: Callable[[], Ran]) -> Ran:
    """Do work while others sign: each of them before it, in the meantime and after it."""
    is_over, signed = threading.Event(), [0] * CLIENTS

    def sign(number: int) -> None:
        while not is_over.is_set():
            client = Client(service, next(users))
            code = send(service, client, 100 + number)
            assert client.verify(100 + number, code)["status"] == 200
            signed[number] += 1

    with ThreadPoolExecutor(CLIENTS) as pool:
        signing = [pool.submit(sign, number) for number in range(CLIENTS)]

        def go_on() -> None:
            before = list(signed)
            wait_until(
                lambda: (
                    all(now > then for now, then in zip(signed, before, strict=True))
                    or any(one.done() for one in signing)
                ),
                "each of them signed once more",
            )

        try:
            go_on()
            done = work()
            go_on()
        finally:
            is_over.set()
        for one in signing:
            one.result()
    return done


def test_case_720_after_a_restore_no_code_of_before_is_good_and_the_rest_holds(
    restored: Lost,
) -> None:
    """Of a backup that was made amid requests."""
    machine = restored.machine
    service = machine.start(AFTER)
    client = Client(service, restored.user)
    for record, code in restored.codes.items():
        assert client.verify(record, code)["status"] == 400, "a code of before was accepted"
        assert client.signature(record)["status"] == 404
    assert "the epoch in data/keys.json is 1: codes from before are void" in restored.said
    assert (machine.epoch("lost"), machine.epoch()) == (0, 1)
    assert client.signature(SIGNED) == restored.signed
    (machine.folder / "record").write_text(restored.signed["signature_record"] + "\n")
    held = machine.run(f"otp record verify --keys keys.jwks --tenant demo --id {SIGNED} record")
    assert held.returncode == 0, held.stdout
    assert client.signature(LATER)["status"] == 404
    assert client.verify(LATER, send(service, client, LATER))["status"] == 200
    assert service.stop() == 0


def test_case_721_without_a_raised_epoch_a_used_code_is_good_again(
    lost: Lost, tmp_path: Path
) -> None:
    """The control: while that code lives, only the epoch stands between."""
    machine = Machine(tmp_path / "by_hand", "postgres" if lost.machine.is_postgres else "sqlite")
    for name in ("backups", "vault"):
        (machine.folder / name).symlink_to(lost.machine.folder / name)
    (machine.folder / "data").mkdir(0o700)
    done = machine.run(
        "cp -p vault/monday/* data/\n",
        'pg_restore -d "$OTP_DATABASE" backups/monday/store.dump'
        if machine.is_postgres
        else "cp backups/monday/otp.sqlite3 data/",
        database=BY_HAND,
    )
    assert done.returncode == 0, done.stdout
    service = machine.start(BY_HAND)
    client = Client(service, lost.user)
    assert client.verify(USED, lost.codes[USED])["status"] == 200
    assert service.stop() == 0


def test_case_722_keys_of_another_store_are_refused(restored: Lost) -> None:
    """In words that name the file."""
    machine = restored.machine
    assert machine.run("otp keys new other/keys && otp keys new other/now").returncode == 0
    named = {
        "OTP_REFERENCE_DATA": "data",
        "OTP_REFERENCE_KEYS": "other/keys/keys.json",
        "OTP_REFERENCE_SIGNING_KEY": "other/keys/signing.pem",
    }
    refused = machine.run("deploy/backup.sh make other/b other/v", database=AFTER, **named)
    assert refused.returncode == 1
    assert "other/keys/keys.json: the store was begun with another index secret" in refused.stdout
    assert not list((machine.folder / "other").glob("[bv]*"))
    named["OTP_REFERENCE_DATA"] = "other/now"
    refused = machine.run("deploy/backup.sh restore backups/monday", database=EMPTY, **named)
    assert refused.returncode == 1
    assert "other/keys/keys.json: the store was begun with another index secret" in refused.stdout
    if not machine.is_postgres:
        assert machine.epoch("other/keys") == 0
        assert not list((machine.folder / "other/now").glob("otp.sqlite3*"))


def test_case_723_nothing_is_overwritten_and_no_older_key_is_taken(restored: Lost) -> None:
    """And nothing is changed by what is refused."""
    machine = restored.machine

    def refused(line: str, data: str = "data", database: str = AFTER) -> str:
        ran = machine.run(f"deploy/backup.sh {line}", database=database, OTP_REFERENCE_DATA=data)
        assert ran.returncode == 1, ran.stdout
        return ran.stdout

    assert "backups/monday is there already" in refused("make backups/monday vault/tuesday")
    assert "vault/monday is there already" in refused("make backups/tuesday vault/monday")
    for names in ("backups/tuesday backups/tuesday/keys", "b ./b/keys", "vault/b vault"):
        assert "keep the keys apart" in refused(f"make {names}")
    assert machine.run("mkdir vault/tuesday.part").returncode == 0
    assert "tuesday.part is there already" in refused("make backups/tuesday vault/tuesday")
    there = "holds a store already" if machine.is_postgres else "otp.sqlite3 is there already"
    assert there in refused("restore backups/monday")
    if machine.is_postgres:
        # A service that goes on, with the ring that it read before, would take the codes of before.
        line = ["psql", "--no-psqlrc", "-Atd", CONNECTED]
        pipe = subprocess.PIPE
        with subprocess.Popen(line, stdin=pipe, stdout=pipe, text=True) as other:
            assert other.stdin and other.stdout
            print("SELECT 'connected';", file=other.stdin, flush=True)
            assert other.stdout.readline() == "connected\n"
            assert "somebody else is connected" in refused(
                "restore backups/monday", "data", CONNECTED
            )
            other.stdin.close()
    else:
        # The log of another file would be taken for the restored one's.
        (machine.folder / "log").mkdir()
        assert (
            machine.run("cp data/* log/ && mv log/otp.sqlite3 log/otp.sqlite3-wal").returncode == 0
        )
        assert "otp.sqlite3-wal is there already" in refused("restore backups/monday", "log")
        # A disk that is not mounted.
        assert machine.run("rm log/otp* && ln -s /none log/otp.sqlite3").returncode == 0
        assert "otp.sqlite3 is there already" in refused("restore backups/monday", "log")
    assert machine.epoch() == 1

    done = machine.run(
        """deploy/backup.sh make "backups/8 o'clock" vault/later""",
        database=AFTER,
        OTP_REFERENCE_DATA="data",
        OTP_REFERENCE_RETIRED_SIGNING_KEYS="keys.jwks",
    )
    assert done.returncode == 0, done.stdout
    old = "vault/monday/keys.json has epoch 0 and is older than the backup, which is of epoch 1"
    assert old in refused("""restore "backups/8 o'clock\"""", "vault/monday", EMPTY)
    assert machine.epoch("vault/monday") == 0
    kept = {file.name for file in (machine.folder / "vault/later").iterdir()}
    assert kept == {"keys.json", "signing.pem", "retired.jwks"}
    stored = {file.name for file in (machine.folder / "backups/8 o'clock").iterdir()}
    assert stored == {"epoch", "store.dump" if machine.is_postgres else "otp.sqlite3"}


def test_case_728_the_ring_that_a_link_names_is_raised(restored: Lost) -> None:
    """And the link stays: services read the file itself."""
    machine = restored.machine
    done = machine.run(
        "mkdir linked ring && cp -p vault/monday/signing.pem linked/\n",
        "cp -p vault/monday/keys.json ring/ && ln -s ../ring/keys.json linked/keys.json\n",
        "deploy/backup.sh restore backups/monday",
        database=LINKED,
        OTP_REFERENCE_DATA="linked",
    )
    assert done.returncode == 0, done.stdout
    assert (machine.folder / "linked/keys.json").is_symlink()
    assert machine.epoch("ring") == 1
    assert not list(machine.folder.glob("linked/*.part")) + list(
        machine.folder.glob("ring/*.raised")
    )


def test_case_724_what_is_named_wrongly_is_an_error_that_says_how(tmp_path: Path) -> None:
    """And its help names each setting."""
    machine = Machine(tmp_path / "usage", "sqlite")

    def said(line: str, code: int, **more: str) -> str:
        ran = machine.run(f"deploy/backup.sh {line}", **more)
        assert ran.returncode == code, ran.stdout
        return ran.stdout

    text = said("--help", 0)
    script = (ROOT / "deploy/backup.sh").read_text()
    assert set(re.findall(r"\bOTP_[A-Z_]+", script)) - {"OTP_REFERENCE_DATABASE"} <= set(
        re.findall(r"\bOTP_[A-Z_]+", text)
    )
    for line in ("", "make b", "restore b v", "epoch"):
        assert said(line, 2) == text
    assert "data/otp.sqlite3 is not there: " in said("make b v", 1, OTP_REFERENCE_DATA="data")
    other = "OTP_REFERENCE_DATABASE is set and OTP_DATABASE is not"
    assert other in said("make b v", 1, OTP_REFERENCE_DATABASE="postgres://app@h/otp")
    for secret in ("postgres://me:hunter2@h/otp", "host=h password=hunter2"):
        text = said("make b v", 1, OTP_DATABASE=secret)
        assert "OTP_DATABASE holds a password" in text and "hunter2" not in text
    (machine.folder / "b").mkdir()
    assert "b is no whole backup" in said("restore b", 1, OTP_REFERENCE_DATA="data")
    assert [entry.name for entry in machine.folder.iterdir() if entry.name[0] not in "bd"] == []
