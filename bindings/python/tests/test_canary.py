"""Whose keys a store belongs to: checked at each start, begun or taken over by name."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import pytest
import stores
from support import DictStore, binding, engine, example_store, issue

import otp_engine as otp


def stranger() -> otp.Engine:
    """Keys that were freshly made, as where the key file got lost."""
    return otp.Engine(otp.KeyRing({"2026a": bytes(32 * [7])}, index=bytes(32 * [8])))


Make = Callable[[pathlib.Path], otp.Store]
STORES: dict[str, Make] = {
    "memory": lambda _: otp.MemoryStore(),
    "memory with records": lambda _: otp.MemoryStore(keep_records=True),
    "sqlite": lambda folder: otp.SqliteStore(folder / "otp.db"),
    "host": lambda folder: example_store()(str(folder / "cells.db")),
}


@pytest.mark.parametrize("make", STORES.values(), ids=STORES)
def test_case_200_a_store_that_other_keys_began_is_an_error_that_says_so(
    make: Make, tmp_path: pathlib.Path
) -> None:
    store = make(tmp_path)
    assert engine().check_store(store).keys == "begun"
    assert engine().check_store(store).keys == "proven"
    code = issue(engine(), store, binding()).code
    for ask in (stranger().check_store, stranger().adopt_store):
        with pytest.raises(otp.ForeignStoreError, match=r"another index secret.*begin_store"):
            ask(store)
    assert engine().check_store(store).keys == "proven"
    assert engine().verify(store, binding(), code)
    assert stranger().begin_store(store).keys == "begun"
    assert stranger().begin_store(store).keys == "proven"
    with pytest.raises(otp.ForeignStoreError):
        engine().check_store(store)


@pytest.mark.parametrize("make", STORES.values(), ids=STORES)
def test_case_201_cells_without_a_canary_are_taken_over_or_begun_by_name_alone(
    make: Make, tmp_path: pathlib.Path
) -> None:
    store = make(tmp_path)
    code = issue(engine(), store, binding()).code
    with pytest.raises(otp.NoCanaryError, match=r"adopt_store.*begin_store"):
        engine().check_store(store)
    assert engine().adopt_store(store).keys == "begun"
    assert engine().adopt_store(store).keys == "proven"
    assert engine().check_store(store).keys == "proven"
    assert engine().verify(store, binding(), code)


@pytest.mark.parametrize("make", STORES.values(), ids=STORES)
def test_case_395_a_purge_of_a_store_that_holds_nothing_leaves_it_new(
    make: Make, tmp_path: pathlib.Path
) -> None:
    store = make(tmp_path)
    assert engine().purge(store, limit=10) == 0
    assert stranger().purge(store, limit=10) == 0
    assert engine().check_store(store).keys == "begun"
    assert engine().purge(store, limit=10) == 0
    assert engine().check_store(store).keys == "proven"


def test_case_201_a_store_that_cannot_tell_is_begun_by_name_alone() -> None:
    store = DictStore()
    with pytest.raises(otp.NoCanaryError):
        engine().check_store(store)
    assert not store.cells
    assert engine().begin_store(store).keys == "begun"
    assert engine().check_store(store).keys == "proven"
    assert [cell.discard_after for cell in store.cells.values()] == [None]


@pytest.mark.parametrize("told", [0, 1, "no", ()])
def test_what_has_cells_returns_is_a_bool_or_none(told: object) -> None:
    class Odd(DictStore):
        def has_cells(self) -> bool | None:
            return told  # type: ignore[return-value]

    store = Odd()
    with pytest.raises(otp.StoreError) as raised:
        engine().check_store(store)
    assert isinstance(raised.value.__cause__, TypeError)
    assert not store.cells


def test_a_has_cells_that_fails_is_the_cause() -> None:
    class Down(DictStore):
        def has_cells(self) -> bool | None:
            raise RuntimeError("no database")

    store = Down()
    with pytest.raises(otp.StoreError) as raised:
        engine().check_store(store)
    assert isinstance(raised.value.__cause__, RuntimeError)
    assert not store.cells


def test_case_205_where_cells_may_be_lost_nothing_is_proven() -> None:
    class Cache(DictStore):
        permanent = False

    store = Cache()
    for _ in range(2):
        assert engine().check_store(store).keys == "not proven"
    with pytest.raises(otp.ForeignStoreError):
        stranger().check_store(store)


@pytest.mark.parametrize("kind", stores.KINDS)
def test_case_200_the_stores_on_servers_are_checked_too(kind: str) -> None:
    with stores.server(kind) as server, stores.opened(kind, server.address) as store:
        begun, proven = ("begun", "proven") if kind in stores.POSTGRES else 2 * ("not proven",)
        assert engine().check_store(store).keys == begun
        assert engine().check_store(store).keys == proven
        with pytest.raises(otp.ForeignStoreError):
            stranger().check_store(store)


def test_case_201_a_postgres_table_from_before_canaries_is_taken_over_by_name() -> None:
    with stores.server("psycopg") as server, stores.opened("psycopg", server.address) as store:
        issue(engine(), store, binding())
        with pytest.raises(otp.NoCanaryError):
            engine().check_store(store)
        assert engine().adopt_store(store).keys == "begun"
        assert engine().check_store(store).keys == "proven"


def test_what_is_no_store_is_named() -> None:
    for ask in (engine().check_store, engine().adopt_store, engine().begin_store):
        with pytest.raises(TypeError, match="store must be Store"):
            ask("otp.db")  # type: ignore[arg-type]
