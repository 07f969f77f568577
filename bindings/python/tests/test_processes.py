"""Many processes on one file; and what a fork leaves behind."""

import gc
import multiprocessing
import os
import pathlib
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from support import DictStore, binding, engine, example_store, issue, wrong

import otp_engine as otp

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def opened(kind: str, path: str) -> otp.Store:
    if kind == "sqlite":
        return otp.SqliteStore(path)
    store: otp.Store = example_store()(path)
    return store


def guess(kind: str, path: str, typed: list[str], start: Any, answers: Any) -> None:
    """Give codes in a process of its own, with its own engine and store."""
    maker, store, given = engine(), opened(kind, path), []
    start.wait()
    for code in typed:
        while True:
            try:
                given.append(maker.verify(store, binding(), code).rejection)
                break
            except otp.ContendedError:
                pass
    answers.put(given)


def from_processes(method: str, kind: str, path: str, lists: list[list[str]]) -> Counter[Any]:
    context: Any = multiprocessing.get_context(method)
    start, answers = context.Barrier(len(lists)), context.Queue()
    children = [
        context.Process(target=guess, args=(kind, path, typed, start, answers), daemon=True)
        for typed in lists
    ]
    for child in children:
        child.start()
    counted: Counter[Any] = Counter()
    for _ in children:
        counted.update(answers.get(timeout=300))
    for child in children:
        child.join(300)
        assert child.exitcode == 0
    return counted


@pytest.mark.parametrize("kind", ["sqlite", "host"])
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_case_56_of_8_processes_with_the_right_code_one_succeeds(
    method: str, kind: str, folder: pathlib.Path
) -> None:
    path = str(folder / "cells.db")
    store = opened(kind, path)
    code = issue(engine(), store, binding()).code
    counted = from_processes(method, kind, path, [[code]] * 8)
    assert counted == {None: 1, "already_used": 7}


@pytest.mark.parametrize("kind", ["sqlite", "host"])
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_case_18_of_64_wrong_guesses_by_8_processes_5_are_compared(
    method: str, kind: str, folder: pathlib.Path
) -> None:
    path = str(folder / "cells.db")
    store = opened(kind, path)
    code = issue(engine(), store, binding()).code
    lists = [[wrong(code, nth * 8 + at + 1) for at in range(8)] for nth in range(8)]
    assert from_processes(method, kind, path, lists) == {"wrong": 5, "exhausted": 59}


def in_child(work: Callable[[], str]) -> str:
    """Return what a forked child says; an exception is told by its name."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = work()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(write, said.encode())
        os._exit(0)
    os.close(write)
    with open(read, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, said
    return said


def test_an_inherited_handle_refuses_and_the_parent_goes_on(folder: pathlib.Path) -> None:
    stores = [otp.MemoryStore(), otp.SqliteStore(folder / "cells.db"), DictStore()]
    maker, to = engine(), binding()
    for store in stores:
        code = issue(maker, store, to).code

        def old_engine(store: otp.Store = store, code: str = code) -> str:
            return str(maker.verify(store, to, code))

        def old_store(store: otp.Store = store, code: str = code) -> str:
            return str(engine().verify(store, to, code))

        def free(store: otp.Store = store) -> str:
            maker.close()
            store.close()
            gc.collect()
            new = engine(clock=None)
            return "went on" if new.issue(otp.MemoryStore(), to) else "refused"

        assert in_child(old_engine).startswith("ForkedError")
        assert in_child(old_store).startswith("ForkedError")
        assert in_child(free) == "went on"
        assert maker.verify(store, to, code)


def test_a_batch_of_an_inherited_engine_refuses() -> None:
    maker, store, to = engine(), otp.MemoryStore(), binding()
    assert "ForkedError" in in_child(lambda: str(maker.issue_many(store, [to])))


def test_a_child_that_ends_in_order_ends_well() -> None:
    maker, store = engine(), DictStore()
    issue(maker, store, binding())
    child = os.fork()
    if child == 0:
        try:
            sys.exit(0)
        finally:
            import atexit

            atexit._run_exitfuncs()
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert maker.status(store, binding())


def test_case_82_of_64_forked_children_all_ids_and_tokens_are_distinct() -> None:
    warm = engine(policy=otp.Policy(token=True))
    issue(warm, otp.MemoryStore(), binding())  # the source of randomness was used before the forks
    read, write = os.pipe()
    children = []
    for _ in range(64):
        child = os.fork()
        if child == 0:
            maker = engine(policy=otp.Policy(token=True))
            issued = issue(maker, otp.MemoryStore(), binding())
            os.write(write, f"{issued.challenge_id} {issued.code}\n".encode())
            os._exit(0)
        children.append(child)
    os.close(write)
    with open(read) as pipe:
        lines = pipe.read().splitlines()
    for child in children:
        os.waitpid(child, 0)
    assert len(lines) == 64
    ids, tokens = zip(*map(str.split, lines), strict=True)
    assert len(set(ids)) == len(set(tokens)) == 64
