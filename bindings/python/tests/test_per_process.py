"""What a prefork server makes once in each worker: over forks, threads, greenlets and ends."""

import contextlib
import multiprocessing
import os
import pathlib
import pickle
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from typing import Any

import pytest
from servers import wait_until
from support import DictStore, binding, engine

import otp_engine as otp

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


class Made:
    """What stands for an engine and its store; it writes down where it is closed."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.maker, self.store = engine(clock=None), DictStore()

    def close(self) -> None:
        path = os.environ.get("OTP_CLOSED")
        if path:
            with open(path, "a") as file:
                file.write(f"{self.process} {os.getpid()}\n")
        self.maker.close()


shared = otp.PerProcess(Made)


def work() -> str:
    """Use what this process has, and say whose it is."""
    made = shared()
    assert made is shared() and made.process == os.getpid()
    made.maker.verify(made.store, binding(), "123456")
    return str(made.process)


def in_child(call: Any = work) -> str:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.write(write, str(call()).encode())
        os._exit(0)
    os.close(write)
    with open(read, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said


@needs_fork
def test_case_475_each_forked_process_makes_its_own() -> None:
    mine = work()
    assert mine == str(os.getpid())
    children = [in_child() for _ in range(3)]
    assert len({mine, *children}) == 4 and all(children)
    assert in_child(lambda: in_child()) not in ("", mine, *children)
    assert work() == mine


@needs_fork
def test_case_475_a_number_that_an_ancestor_had_is_another_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    each = otp.PerProcess(object)
    before = each()

    def in_a_child_of_the_same_number() -> str:
        monkeypatch.setattr(os, "getpid", lambda: parent)
        return "same" if each() is before else "its own"

    parent = os.getpid()
    assert in_child(in_a_child_of_the_same_number) == "its own"


@needs_fork
def test_case_475_a_fork_amid_the_first_use_leaves_no_lock_behind() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> object:
        begun.set()
        go_on.wait(60)
        return object()

    each = otp.PerProcess(slow)
    thread = threading.Thread(target=each)
    thread.start()
    begun.wait(60)

    def child() -> str:
        go_on.set()
        return type(each()).__name__

    assert in_child(child) == "object"
    go_on.set()
    thread.join()


def test_case_475_threads_that_come_first_get_one_and_the_others_are_closed() -> None:
    made: list[Any] = []
    closed: list[Any] = []
    start = threading.Barrier(8)

    class Slow:
        def __init__(self) -> None:
            start.wait(60)  # all are here before any is made
            made.append(self)

        def close(self) -> None:
            closed.append(self)

    each, got = otp.PerProcess(Slow), []
    threads = [threading.Thread(target=lambda: got.append(each())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, got))) == 1 and len(made) == 8
    assert {*map(id, made)} - {*map(id, closed)} == {id(got[0])} and len(closed) == 7
    each.close()
    assert closed[-1] is got[0]
    each.close()
    assert len(closed) == 8


def test_case_475_what_make_raises_is_raised_and_tried_again() -> None:
    answers: list[Any] = [ZeroDivisionError(), None, "text"]

    def make() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    each = otp.PerProcess(make)
    with pytest.raises(ZeroDivisionError):
        each()
    assert each() is None and each() is None and answers == ["text"]
    each.close()  # what has no close needs none
    assert each() == "text"
    with pytest.raises(TypeError, match="make must be callable"):
        otp.PerProcess(5)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["spawn", pytest.param("fork", marks=needs_fork)])
def test_case_475_processes_of_multiprocessing_make_their_own(method: str) -> None:
    work()
    again: Any = pickle.loads(pickle.dumps(shared))
    assert again() is not shared()
    again.close()
    context: Any = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        said = set(pool.map(use, [shared] * 8))
    assert said and str(os.getpid()) not in said


def use(each: "otp.PerProcess[Made]") -> str:
    """Use what was passed to this process."""
    made = each()
    made.maker.verify(made.store, binding(), "123456")
    return str(made.process)


def run(text: str, folder: pathlib.Path) -> "subprocess.CompletedProcess[str]":
    paths = [str(pathlib.Path(__file__).parent), *sys.path]
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"import sys; sys.path[:] = {paths!r}\n{text}"],
        env={**os.environ, "OTP_CLOSED": str(folder / "closed")},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended


@needs_fork
def test_case_475_each_process_closes_its_own_at_its_end(tmp_path: pathlib.Path) -> None:
    run("import os, sys, test_per_process as it; it.work(); child = os.fork()\n"
        "it.work(); child and os.waitpid(child, 0); sys.exit(0)", tmp_path)  # fmt: skip
    closed = [line.split() for line in (tmp_path / "closed").read_text().splitlines()]
    assert len(closed) == 2 and len({made for made, _ in closed}) == 2
    assert all(made == where for made, where in closed)


def test_case_475_greenlets_that_come_first_get_one(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("gevent")
    done = run(
        """
from gevent import monkey; monkey.patch_all()
import gevent, otp_engine as otp
made = []
def make():
    gevent.sleep(0.01)
    made.append(object())
    return made[-1]
each = otp.PerProcess(make)
got = [gevent.spawn(each) for _ in range(40)]
gevent.joinall(got, timeout=60, raise_error=True)
print(len({id(one.value) for one in got}), len(made) > 1)
import os
child = os.fork()
if child == 0:
    os._exit(0 if gevent.spawn(each).get(timeout=60) is not got[0].value else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
""",
        tmp_path,
    )
    assert done.stdout == "1 True\n0\n"


APPLICATION = """
import os, test_per_process as it
it.work()  # in the master, before it forks

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [it.work().encode()]
"""


@needs_fork
def test_case_475_workers_of_gunicorn_that_is_preloaded_make_their_own(
    tmp_path: pathlib.Path,
) -> None:
    (tmp_path / "application.py").write_text(APPLICATION)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    paths = os.pathsep.join([str(tmp_path), str(pathlib.Path(__file__).parent), *sys.path])
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--preload", "--workers", "2", "--log-level", "error",
         "--bind", f"127.0.0.1:{port}", "--no-control-socket", "application"],
        env={**os.environ, "PYTHONPATH": paths, "OTP_CLOSED": str(tmp_path / "closed")},
    )  # fmt: skip
    said: set[str] = set()
    try:

        def both_answered() -> bool:
            assert server.poll() is None, "gunicorn ended"
            url = f"http://127.0.0.1:{port}"
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=60) as answer:
                said.add(answer.read().decode())
            return len(said) == 2

        wait_until("both workers have answered", both_answered)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)
    closed = [line.split() for line in (tmp_path / "closed").read_text().splitlines()]
    assert {made for made, _ in closed} == {*said, str(server.pid)}
    assert all(made == where for made, where in closed)
