"""Faults armed from outside: each is a file, and whoever removes it carries the fault out.

Removal is atomic over processes, so that a fault armed once happens once, in whichever worker.
"""

import os
import random
import signal
import time
from pathlib import Path

import requests
from otp_engine.esms import flow

from odoo.addons.esms_otp.store import OdooStore

#: Seconds between what a decision rests on and its commit: four workers seldom meet by chance.
HESITATION = 0.02
FOLDER = "ESMS_OTP_FAULTS"


def _folder():
    folder = os.environ.get(FOLDER)
    return Path(folder) if folder else None


def strikes(name):
    """Say whether a fault of this name is armed; if so, it is spent now."""
    folder = _folder()
    if folder is None:
        return False
    for armed in sorted(folder.glob(f"{name}.*")):
        try:
            armed.unlink()
        except FileNotFoundError:
            continue  # another worker was quicker
        return True
    return False


def record_run(path, what="runs"):
    """Leave a line for each run of a handler or of another kind, with the process that ran it."""
    folder = _folder()
    if folder is None:
        return
    # One short append is one write: lines of several workers never mix.
    with (folder / what).open("ab", buffering=0) as runs:
        runs.write(f"{path} {os.getpid()}\n".encode())


def fail_serialization(cr):
    """Let PostgreSQL itself fail the transaction: a made-up exception would carry no SQLSTATE."""
    cr.execute(
        "DO $$ BEGIN RAISE EXCEPTION 'planted' USING ERRCODE = '40001'; END $$",
        log_exceptions=False,
    )


def _mortal(send):
    def send_or_die(session, request, **options):
        if strikes("kill_before_sms"):
            os.kill(os.getpid(), signal.SIGKILL)
        response = send(session, request, **options)
        if strikes("kill_after_sms"):
            os.kill(os.getpid(), signal.SIGKILL)
        return response

    return send_or_die


requests.Session.send = _mortal(requests.Session.send)


def _mortal_claim(hand_over):
    def claim_or_die(signing, job):
        if strikes("kill_before_claim"):
            os.kill(os.getpid(), signal.SIGKILL)
        return hand_over(signing, job)

    return claim_or_die


flow.Signing._hand_over = _mortal_claim(flow.Signing._hand_over)


def _hesitant(load):
    def load_and_wait(store, keys):
        cells = load(store, keys)
        time.sleep(random.uniform(0, HESITATION))
        return cells

    return load_and_wait


OdooStore.load = _hesitant(OdooStore.load)
