"""What is random stays random over workers that are forked from one master, again and again."""

import itertools

from client import Borrower, Client, at_once, use_gateway
from fake_gateway import code_in
from odoo_server import Server

REQUESTS_PER_WORKER = 4
USERS, RECORDS = 8, 5


def test_codes_and_ids_of_recycled_workers_are_all_distinct(gateway, database, tmp_path):
    recycled = Server(database, tmp_path, "--limit-request", str(REQUESTS_PER_WORKER))
    try:
        admin = Client(recycled, "admin", "admin")
        use_gateway(admin, gateway)
        borrowers = [Borrower(recycled, admin, RECORDS) for _ in range(USERS)]
        sends = itertools.chain.from_iterable(
            [lambda b=b, at=at: b.send(b.records[at]) for b in borrowers] for at in range(RECORDS)
        )
        sends, results = list(sends), []
        for at in range(0, len(sends), USERS):
            results += at_once(sends[at : at + USERS])
        processes = {process for _, process in recycled.runs()}
    finally:
        recycled.stop()
    assert {result["status"] for result in results} == {200}
    ids = {result["esms_otp_generation_id"] for result in results}
    codes = [code for b in borrowers for code in map(code_in, gateway.to(b.mobile))]
    assert len(ids) == USERS * RECORDS
    assert len(codes) == len(set(codes)) == USERS * RECORDS
    assert len(processes) > 4, f"no worker was recycled: {processes}"
