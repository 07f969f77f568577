"""Messages on their way: who takes the gateway's answer, and when."""

import os
import threading
import time

import pytest

from otp_engine.esms import sending
from otp_engine.esms.sending import Sending


class Slow:
    """A gateway that answers when it is let."""

    def __init__(self, answer="0"):
        self.answer, self.open, self.late = answer, threading.Event(), []

    def send(self):
        assert self.open.wait(30)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def is_told(self):
        return bool(self.late)

    def start(self):
        made = Sending(self.send, self.late.append)
        made.start()
        return made


def soon(question):
    """Wait until something is so."""
    end = time.monotonic() + 30
    while not question():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("answer", ["0", ValueError("planted")])
def test_case_328_an_answer_in_time_is_the_requests(answer):
    gateway = Slow(answer)
    gateway.open.set()
    assert gateway.start().wait(30) == answer
    assert gateway.late == []


@pytest.mark.parametrize("answer", ["0", ValueError("planted")])
def test_case_328_an_answer_that_comes_later_is_taken_once(answer):
    gateway = Slow(answer)
    made = gateway.start()
    begun = time.monotonic()
    assert made.wait(0.1) is None
    assert time.monotonic() - begun < 5
    assert gateway.late == []
    gateway.open.set()
    soon(lambda: gateway.late)
    assert gateway.late == [answer]


def test_case_328_each_answer_is_taken_by_one_and_by_one_alone():
    for number in range(300):  # the wait ends about when the answer comes
        gateway = Slow(number + 1)
        made = gateway.start()
        threading.Timer(0.002, gateway.open.set).start()
        taken = made.wait(0.002)
        if taken is None:
            soon(gateway.is_told)
        assert [one for one in [taken, *gateway.late] if one is not None] == [number + 1]


def test_case_328_a_report_that_fails_is_in_the_log(caplog):
    opened, told = threading.Event(), threading.Event()

    def late(_answer):
        told.set()
        raise RuntimeError("planted")

    made = Sending(lambda: opened.wait(30), late)
    made.start()
    assert made.wait(0) is None
    opened.set()
    assert told.wait(30)
    soon(lambda: "the answer of a gateway was lost" in caplog.text)


def test_case_328_a_child_has_threads_of_its_own():
    gateway = Slow()
    gateway.open.set()
    assert gateway.start().wait(30) == "0"
    parents = sending._threads()
    child = os.fork()
    if child == 0:
        fine = sending._threads() is not parents and gateway.start().wait(30) == "0"
        os._exit(0 if fine else 1)
    assert os.waitpid(child, 0)[1] == 0
