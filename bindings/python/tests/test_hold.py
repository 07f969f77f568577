"""Rejections that are held: for how long, and how many at once."""

import os
import signal
import time

import pytest

from otp_engine.esms.hold import GATEWAY, place, until

KIND = "test_hold"
LONG = 300.0  # seconds; what is killed does not wait for its end


class Clock:
    """A time that passes where somebody sleeps."""

    now = 1000.0

    def monotonic(self):
        """Return the time."""
        return self.now

    def sleep(self, seconds):
        """Let it pass."""
        self.now += seconds


@pytest.fixture
def took(monkeypatch):
    """Return what says how many seconds lie between a request and its answer."""
    clock = Clock()
    monkeypatch.setattr("otp_engine.esms.hold.time", clock)

    def took(milliseconds, places, worked):
        came = clock.now
        clock.sleep(worked)
        until(came, milliseconds, places)
        return round(clock.now - came, 6)

    return took


@pytest.mark.parametrize("worked", [0.0, 0.001, 0.02, 0.199])
def test_an_answer_leaves_at_the_same_time_however_long_it_took(took, worked):
    assert took(200, 1, worked) == 0.2


def test_what_took_longer_leaves_at_the_next_multiple(took):
    assert took(200, 1, 0.21) == 0.4


@pytest.mark.parametrize(("milliseconds", "places"), [(0, 3), (300, 0), (300, -1)])
def test_without_a_time_or_a_place_it_leaves_at_once(took, milliseconds, places):
    assert took(milliseconds, places, 0.02) == 0.02


def worker(places):
    """Fork one that takes a place for long if one is free; return it once it has tried."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        with place(KIND, places) as is_free:
            os.write(tell, b"held" if is_free else b"free")
            time.sleep(LONG)
        os._exit(0)
    os.close(tell)
    said = os.read(told, 4)
    os.close(told)
    return child, said


def ends(child):
    """Kill a worker as the kernel does, without a last word."""
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_so_many_workers_wait_and_the_place_of_a_dead_one_is_free():
    workers = [worker(2) for _ in range(3)]
    try:
        assert [said for _child, said in workers] == [b"held", b"held", b"free"]
        ends(workers.pop(0)[0])
        workers.append(worker(2))
        assert workers[-1][1] == b"held"
        workers.append(worker(2))
        assert workers[-1][1] == b"free"
    finally:
        for child, _said in workers:
            ends(child)


def test_case_498_what_waits_for_a_gateway_takes_no_place_of_a_rejection():
    with place(GATEWAY, 1) as gateway, place(GATEWAY, 1) as another, place(KIND, 1) as rejection:
        assert (gateway, another, rejection) == (True, False, True)


def test_where_there_are_no_such_names_no_place_is_free(monkeypatch):
    too_long = "/" * 200  # for such a name
    monkeypatch.setattr("otp_engine.esms.hold.os.getppid", lambda: too_long)
    with place(KIND, 3) as is_free:
        assert not is_free
