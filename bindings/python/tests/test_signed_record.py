"""signed_record.py reads what the engine writes, and the golden records of the format."""

import base64
import hashlib
import json
from pathlib import Path

import pytest

import otp_engine as otp
from otp_engine.esms import recipient, signed_record

VECTORS = Path(__file__).parents[3] / "tests" / "vectors" / "records"


def signed(content=None, guessable=False):
    engine = otp.Engine(
        otp.KeyRing({"k": bytes(range(32))}, index=bytes(range(1, 33))),
        signing_key=otp.SigningKey.from_seed(bytes(range(2, 34))),
    )
    store = Kept()
    binding = otp.Binding(
        tenant="t", purpose="sign", target=otp.Target("m", "f", "1"), user="7",
        mobile="60123456789", content=content, content_guessable=guessable,
    )  # fmt: skip
    code = engine.issue(store, binding).code
    evidence = otp.Evidence(signer_name="Siti Aminah", user_name="Siti", ip="192.0.2.1")
    return engine.verify(store, binding, code, evidence=evidence).record, store


class Kept(otp.HostStore):
    """Keeps the cell of the record, as a host's database does."""

    def __init__(self):
        super().__init__()
        self.cells = {}

    def load(self, keys):
        return [self.cells.get(key) for key in keys]

    def commit(self, writes, now):
        for write in writes:
            self.cells[write.key] = otp.Cell(write.expected + 1, write.discard_after, write.body)
            if write.kind == 4:
                self.record = write.body
        return True


def test_the_cell_of_a_record_is_taken_apart():
    record, store = signed()
    assert signed_record.stored(store.record) == (record.jws, record.disclosures)
    noted = store.record + b"\nerased 1747000000 typed abc"
    assert signed_record.stored(noted) == (record.jws, record.disclosures)
    with pytest.raises(ValueError, match="format"):
        signed_record.stored(b"\x02" + store.record[1:])


def test_case_480_the_key_and_the_image_of_a_record_are_read():
    record, _ = signed()
    assert set(signed_record.header(record.jws)) == {"alg", "kid", "typ"}
    assert signed_record.image_digest(record.jws) is None
    golden = (VECTORS / "first.sd-jwt").read_text().split("~")[0]
    image = signed_record.payload(golden).get("img")
    assert image, "the golden record has an image"
    digest = signed_record.image_digest(golden)
    assert len(digest) == 32
    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == image["dig"]


def test_statement_and_details_are_read():
    record, _ = signed()
    said = signed_record.payload(record.jws)
    assert (said["ref"]["model"], said["who"]["user"], said["n"]) == ("m", "7", 1)
    assert signed_record.details(record.disclosures) == {
        "name": "Siti", "typed": "Siti Aminah", "number": "60123456789", "ip": "192.0.2.1",
    }  # fmt: skip


@pytest.mark.parametrize("guessable", [False, True])
def test_the_digest_of_the_content_is_found_where_it_is(guessable):
    content = hashlib.sha256(b"an offer").digest()
    record, _ = signed(content, guessable)
    assert ("dig" in signed_record.details(record.disclosures)) == guessable
    assert signed_record.content_digest(record.jws, record.disclosures) == content
    without, _ = signed()
    assert signed_record.content_digest(without.jws, without.disclosures) is None


def test_the_golden_records_are_read():
    cells = json.loads((VECTORS / "store-v1.json").read_text())
    bodies = [body for body in bytes_of(cells) if body[:1] == b"\x01" and b"~" in body]
    assert bodies
    for body in bodies:
        jws, _disclosures = signed_record.stored(body)
        assert signed_record.payload(jws)["v"] == 1


def bytes_of(value):
    """Return every text of hexadecimal digits in a JSON value, as bytes."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [found for each in value for found in bytes_of(each)]
    try:
        return [bytes.fromhex(value)]
    except (TypeError, ValueError):
        return []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("012-345 6789", "60123456789"),
        ("(012) 345.6789", "60123456789"),
        ("60123456789", "60123456789"),
        ("+65 8123 4567", "6581234567"),
        ("0065 8123 4567", "6581234567"),
    ],
)
def test_numbers_get_the_code_of_their_country(text, number):
    known = recipient.international(text, 60)
    assert known == number
    otp.Binding(tenant="t", purpose="p", target=otp.Target("m", "f", "1"), user="7", mobile=known)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("12-345 6789", 60),
        ("012-345 6789", 0),
        ("60", 0),
        ("+600123456789", 60),
        ("60-012-345 6789", 60),
        ("+60 60123456789", 60),
    ],
)
def test_numbers_that_may_be_somebody_elses_are_refused(text, code):
    with pytest.raises(recipient.NoMobile):
        recipient.international(text, code)
