"""The service under wrk: each connection signs over and over, and no count is lost."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from service import PATIENCE, Service

#: How long; CI's run is short, the soak's a minute.
SECONDS = "OTP_LOAD_SECONDS"
CONNECTIONS = 4
FIRST_USER = 100_000
#: How the cell of a record begins: its format, then the header of a JWS.
BEGIN = b"\x01eyJ"


def run(service: Service, seconds: int) -> dict[str, Any]:
    """Let wrk sign for so long, and return what it counted."""
    done = subprocess.run(
        [
            "wrk",
            *("--threads", str(CONNECTIONS), "--connections", str(CONNECTIONS)),
            *("--duration", f"{seconds}s", "--timeout", f"{PATIENCE:.0f}s"),
            *("--script", str(Path(__file__).with_name("load.lua"))),
            service.url,
            *("--", str(service.outbox), str(FIRST_USER)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"^RESULT (.*)$", done.stdout, re.MULTILINE)
    assert done.returncode == 0 and found, done.stdout + done.stderr
    print(done.stdout)
    counted: dict[str, Any] = json.loads(found[1])
    return counted


def stored(service: Service) -> int:
    """Return how many signature records the store holds: by how their cells begin."""
    with closing(sqlite3.connect(service.folder / "data/otp.sqlite3")) as database:
        rows = database.execute("SELECT count(*) FROM cell WHERE substr(body, 1, 4) = ?", (BEGIN,))
        return int(rows.fetchone()[0])


def test_no_error_and_no_lost_count(folder: Path) -> None:
    service = Service(folder)
    counted = run(service, int(os.environ.get(SECONDS, "3")))
    for event in ("issued", "accepted"):
        happened = service.counter("otp_reference_events_total", event=event)
        assert counted[event] <= happened <= counted[event] + CONNECTIONS, (event, happened)
    assert counted["faults"] == counted["errors"] == 0
    assert counted["accepted"] > 0
    # The last answers of each connection are on their way when wrk stops to listen.
    issued, accepted = counted["issued"], counted["accepted"]
    assert service.stop() == 0
    messages = len(service.outbox.read_text().splitlines())
    assert issued <= messages <= issued + CONNECTIONS
    records = stored(service)
    assert accepted <= records <= accepted + CONNECTIONS
    assert messages - records <= CONNECTIONS, "each code was answered but the last ones"
    per_second = counted["accepted"] / counted["seconds"]
    print(f"figure: codes sent and verified, 4 connections = {per_second:.0f} per second")
    for name in ("p50", "p90", "p99", "max"):
        print(f"figure: latency of a request, {name} = {counted[name] / 1000:.2f} ms")


def test_case_705_sighup_under_load_fails_no_request(folder: Path) -> None:
    service = Service(folder)
    over = threading.Event()

    def reload() -> None:
        while not over.wait(0.1):
            service.process.send_signal(signal.SIGHUP)

    with ThreadPoolExecutor(1) as pool:
        reloading = pool.submit(reload)
        try:
            counted = run(service, int(os.environ.get(SECONDS, "3")))
        finally:
            over.set()
        reloading.result()
    times = service.text().count("keys and passwords were read anew")
    assert times > 3, "it reads its files anew, again and again"
    assert counted["faults"] == counted["errors"] == 0
    assert counted["accepted"] > 0
    assert '"ERROR"' not in service.text()
    print(f"figure: times that keys were read anew in {counted['requests']} requests = {times}")
    # What wrk counts is not zero whatever happens.
    threading.Timer(0.5, service.kill).start()
    counted = run(service, 2)
    assert counted["faults"] + counted["errors"] > 0
