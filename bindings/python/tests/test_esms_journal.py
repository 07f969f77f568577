"""SqlJournal on a real PostgreSQL, beside the commits of both stores: row and record together."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
import stores
from gateway_fake import Fake
from test_esms_flow import Host
from test_surface import PNG

import otp_engine as otp
from otp_engine.esms import flow
from otp_engine.esms.journal import SqlJournal, migrate

Connect = Callable[[], Any]


@pytest.fixture(scope="module", params=stores.POSTGRES)
def postgres(request: pytest.FixtureRequest) -> Iterator[tuple[Connect, Any]]:
    """A store, and what connects to its database by the same driver, with the tables."""
    with stores.server(request.param) as server:
        if request.param == "psycopg":
            connect: Connect = lambda: psycopg.connect(server.address)  # noqa: E731
        else:
            connect = stores.connecting(server.address)
        for _ in range(2):  # it may run again
            with contextlib.closing(connect()) as owner:
                migrate(owner)
        with stores.opened(request.param, server.address) as store:
            yield connect, store


@pytest.fixture
def host(
    postgres: tuple[Connect, Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Host, Connect]]:
    connect, store = postgres
    fake = Fake()
    host = Host(store, fake, SqlJournal(connect))
    host.clock.now += next(hours) * 3600  # limits of other tests do not count
    monkeypatch.setattr(flow, "_now", host.now)
    rows(connect, "DELETE FROM otp_signature")
    yield host, connect
    fake.close()


hours = iter(range(0, 10_000, 100))


def rows(connect: Connect, sql: str) -> list[Any]:
    with contextlib.closing(connect()) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        found: list[Any] = cursor.fetchall() if cursor.description else []
        connection.commit()
        return found


def test_case_468_the_row_of_a_signature_and_where_the_client_goes(
    host: tuple[Host, Connect],
) -> None:
    by, connect = host
    sent = by.send(redirect_url="/my/home?a=100%25")
    image = base64.b64encode(PNG).decode()
    done = by.verify(by.codes[0], signature=image)
    assert (done["status"], done["redirect_url"]) == (200, "/my/home?a=100%25")
    [(signature_id, generation, kept)] = rows(
        connect, "SELECT id, generation, image FROM otp_signature"
    )
    assert (signature_id, f"gen_{generation}") == (
        done["signature_id"], sent["esms_otp_generation_id"],
    )  # fmt: skip
    assert bytes(kept) == PNG
    told = by.get()
    assert (told["signature_id"], told["signature"]) == (signature_id, image)
    every = rows(connect, "SELECT t::text FROM otp_signature t")
    every += rows(connect, "SELECT t::text FROM otp_redirect t")
    assert len(every) > 1 and not any(by.codes[0] in row for (row,) in every)


def test_case_468_a_code_that_is_sent_again_goes_where_it_was_asked_last(
    host: tuple[Host, Connect],
) -> None:
    by, _connect = host
    for asked, url in (("/a", "/a"), ("/b", "/b"), (None, False)):
        by.send(**({} if asked is None else {"redirect_url": asked}))
        named = by.signing._journal.redirect_url
        challenge_id = by.send()["esms_otp_generation_id"][4:]  # within the cooldown: named alone
        assert (named(challenge_id) or False) == url
        by.clock.now += 60
    assert by.codes == [by.codes[0]] * 3


def test_case_468_a_row_that_fails_takes_the_record_back_and_uses_nothing_up(
    host: tuple[Host, Connect],
) -> None:
    by, connect = host
    by.send()
    rows(connect, "ALTER TABLE otp_signature ADD CONSTRAINT no CHECK (id < 0)")
    try:
        with pytest.raises(otp.UnavailableError):
            by.verify(by.codes[0])
    finally:
        rows(connect, "ALTER TABLE otp_signature DROP CONSTRAINT no")
    assert rows(connect, "SELECT 1 FROM otp_signature") == []
    assert by.verify(by.codes[0])["status"] == 200, "it was not used up"
    assert len(rows(connect, "SELECT 1 FROM otp_signature")) == 1


def test_case_468_what_is_signed_once_is_answered_as_a_code_that_is_used(
    host: tuple[Host, Connect], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Once(SqlJournal):
        """Refuses a second signature, as a host may."""

        def row(self, image: bytes | None) -> Any:
            def refuse(_cursor: Any, _write: otp.Write) -> None:
                raise flow.SignedAlready("signed meanwhile")

            return refuse

    by, connect = host
    by.send()
    with monkeypatch.context() as planted:
        planted.setattr(by.signing, "_journal", Once(connect))
        assert by.verify(by.codes[0]) == {"status": 400, "message": "Invalid or expired OTP"}
    assert rows(connect, "SELECT 1 FROM otp_signature") == []
    assert by.verify(by.codes[0])["status"] == 200, "it was not used up"


def test_case_468_a_row_that_is_gone_is_a_failure(host: tuple[Host, Connect]) -> None:
    by, connect = host
    by.send()
    assert by.verify(by.codes[0])["status"] == 200
    rows(connect, "DELETE FROM otp_signature")
    with pytest.raises(RuntimeError, match="missing or differs"):
        by.get()


def test_tables_that_are_missing_are_named_with_the_command_that_makes_them(
    host: tuple[Host, Connect],
) -> None:
    _, connect = host

    def elsewhere() -> Any:
        connection = connect()
        with connection.cursor() as cursor:
            cursor.execute("SET search_path TO pg_catalog")
        connection.commit()
        return connection

    with pytest.raises(LookupError, match=r"python -m otp_engine\.esms\.setup"):
        SqlJournal(elsewhere).redirect_url("x")
    assert SqlJournal(connect).redirect_url("x") is None, "the control"
