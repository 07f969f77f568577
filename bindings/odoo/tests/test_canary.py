"""No code is found in anything that is kept or answered, in any of the ways to write it.

The codes have ten digits, so that none turns up by chance; and the search must find those that
are planted.
"""

import base64
import json

import pytest
from client import FIELD, MODEL, Borrower, wrong


def spellings(code):
    """Return the ways in which a code could be written down."""
    raw = code.encode()
    yield "digits", raw
    yield "hex", raw.hex().encode()
    yield "escaped digits", "".join(f"\\u{ord(digit):04x}" for digit in code).encode()
    for shift in range(3):  # base64 looks different at each offset
        text = base64.b64encode(b"\0" * shift + raw)
        start, end = (0, 2, 3)[shift], len(text) - 4
        yield f"base64 at {shift}", text[start:end]
    yield "integer, big-endian hex", int(code).to_bytes(8, "big").hex().encode()
    yield "with commas", f"{int(code):,}".encode()


def found(codes, haystack):
    """Return which spellings occur in what was kept; never the code itself."""
    lowered = haystack.lower()
    return [
        f"{name} of code {number}"
        for number, code in enumerate(codes)
        for name, needle in spellings(code)
        if needle in haystack or (needle.lower() in lowered and name == "hex")
    ]


@pytest.fixture(scope="module")
def everything(server, admin, gateway):
    """Take every path once more and return all answers, with the wrong codes that were typed."""
    answers, typed = [], []

    def keep(answer):
        answers.append(json.dumps(answer))
        return answer

    borrower = Borrower(server, admin, applications=3)
    first, second, third = borrower.records
    keep(borrower.send(first))
    code = gateway.code(borrower.mobile)
    for number in range(2):
        typed.append(wrong(code, number))
        keep(borrower.verify(typed[-1], first, signer_name="Siti"))
    keep(borrower.send(first))
    keep(borrower.verify(code, first, signer_name="Siti"))
    keep(borrower.verify(code, first))
    keep(borrower.signature(first))
    # Through an error envelope with its traceback, and through a store that fails.
    server.arm("raise_after")
    answers.append(borrower.post("/api/esms_otp/send_esms_otp", borrower.params(second)).text)
    code = gateway.code(borrower.mobile)
    server.arm("raise_after")
    path, params = "/api/esms_otp/verify_esms_otp", borrower.params(second, otp=code)
    answers.append(borrower.post(path, params).text)
    # As a number, and beside its parameters: refused, and never repeated.
    keep(borrower.send(third))
    code = gateway.code(borrower.mobile)
    keep(borrower.verify(int(code), third))
    answers.append(borrower.post(path, {"otp": code, "model": MODEL, "field": FIELD}).text)
    answers.append(borrower.post(path, borrower.params("x", otp=code)).text)
    answers.append(borrower.post(path, borrower.params(10**9, otp=code)).text)
    return "\n".join(answers), typed


def test_the_search_finds_a_canary_wherever_one_is_planted(server, database, borrower, admin):
    code = "9081726354"
    spelt = dict(spellings(code))
    database.query("CREATE TABLE otp_canary (text_ text, bytes_ bytea, encoded_ text)")
    try:
        database.query(
            "INSERT INTO otp_canary VALUES (%s, %s, %s)",
            f"your code is {code}.",
            code.encode(),
            base64.b64encode(b"{'otp': '" + code.encode()).decode(),
        )
        names = " ".join(found([code], database.dump()))
    finally:
        database.query("DROP TABLE otp_canary")
    assert "digits of" in names and "hex of" in names and "base64 at 0" in names, names
    for name, needle in spelt.items():
        assert found([code], b"before " + needle + b" after"), name
    # In the chatter and in the log, by the ways in which they would get there.
    planted = "8172635490"
    admin.call(MODEL, "message_post", [borrower.record], body=f"code {planted}")
    assert found([planted], database.dump())
    borrower.post(f"/api/esms_otp/none?otp={planted}", {})
    assert found([planted], server.log.read_bytes())
    assert not found(["1029384756"], database.dump()), "it finds what is not there"


def test_no_code_is_in_a_table(everything, database, gateway):
    _, typed = everything
    dump = database.dump()
    assert b"esms_otp_cell" in dump and b"mail_message" in dump
    assert found([*gateway.codes(), *typed], dump) == []


def test_no_code_is_in_the_log(everything, server, gateway):
    _, typed = everything
    assert "/api/esms_otp/verify_esms_otp" in server.text()
    assert found([*gateway.codes(), *typed], server.log.read_bytes()) == []


def test_no_code_is_in_an_answer(everything, gateway):
    answers, typed = everything
    assert "planted fault after the handler" in answers
    assert found([*gateway.codes(), *typed], answers.encode()) == []
