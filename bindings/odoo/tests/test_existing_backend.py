"""The glue of docs/existing-backends.md, run as it is printed, on a real PostgreSQL."""

import base64
import io
import os
import re
import secrets
import types
from datetime import datetime, timezone
from pathlib import Path

import otp_engine as otp
import pytest
from client import at_once, wrong
from fake_gateway import FakeGateway
from otp_engine.esms.gateway.esms import EsmsGateway
from PIL import Image

ROOT = Path(__file__).parents[3]
MOBILE = "60123456789"
WHERE = {"model": "loan.application", "field": "client_schedule_esms_otp_signature_ids", "id": 15}


def printed():
    """Return the guide's blocks of SQL and of Python that are said to be run."""
    guide = (ROOT / "docs" / "existing-backends.md").read_text()
    sql = re.findall(r"```sql\n(.*?)```", guide, re.DOTALL)
    python = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    assert (len(sql), len(python)) == (1, 3), "store, answers, and a controller that is not run"
    return sql[0], python[0], python[1]


@pytest.fixture(scope="module")
def glue():
    """Return what the two blocks define."""
    _sql, store, answers = printed()
    glue = types.ModuleType("glue")
    exec(compile(store + answers, "existing-backends.md", "exec"), vars(glue))
    return glue


@pytest.fixture(scope="module")
def connect(database):
    """Return what connects to a database with the table."""
    database.query("DROP TABLE IF EXISTS otp_cell")
    database.query(printed()[0])

    def connect():
        connection = database.connect()
        connection.autocommit = False
        return connection

    yield connect
    database.query("DROP TABLE otp_cell")


def test_the_store_is_one(glue, connect):
    """The suite that every store must pass; one that forgets to compare versions does not."""
    report = glue.CellStore(connect).check()
    assert report, report.text

    class Naive(glue.CellStore):
        """Writes whatever was there before."""

        def commit(self, writes, now):
            """Forget what each write expects."""
            with self._connection() as connection, connection.cursor() as cr:
                for write in writes:
                    cr.execute("DELETE FROM otp_cell WHERE key = %s", [write.key])
                    cr.execute(
                        "INSERT INTO otp_cell VALUES (%s, %s, %s, %s)",
                        [write.key, write.expected + 1, write.discard_after, write.body],
                    )
            return True

    report = Naive(connect).check()
    assert not report, report.text


def test_case_323_a_purge_keeps_its_limit_whatever_the_plan(glue, connect, database):
    """With statistics of one row, which make PostgreSQL join the table with itself."""
    database.query("TRUNCATE otp_cell")
    insert = "INSERT INTO otp_cell VALUES (%s, 1, 5, 'x')"
    database.query(insert, bytes(32))
    database.query("ANALYZE otp_cell")
    for number in range(1, 7):
        database.query(insert, bytes([number]) * 32)
    store = glue.CellStore(connect)
    assert [store.purge(6, 2) for _ in range(5)] == [2, 2, 2, 1, 0]


def test_case_405_a_commit_with_a_warning_is_one_of_which_nothing_is_known(glue, connect, database):
    """As PostgreSQL's where a wait for a standby is cut short: made here, perhaps here alone."""
    database.query("TRUNCATE otp_cell")
    database.query(
        """CREATE FUNCTION otp_warns() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE WARNING 'canceling the wait for synchronous replication due to user request';
        RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER otp_warns AFTER INSERT OR UPDATE ON otp_cell
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION otp_warns()"""
    )
    engine = otp.Engine(otp.KeyRing({"k": os.urandom(32)}, index=os.urandom(32)))
    binding = otp.Binding(
        tenant="t", purpose="sign", target=otp.Target("m", "f", "1"), user="7", mobile=MOBILE
    )
    store = glue.CellStore(connect)
    try:
        with pytest.raises(otp.StoreError) as raised:
            engine.issue(store, binding)
    finally:
        database.query("DROP TRIGGER otp_warns ON otp_cell; DROP FUNCTION otp_warns")
    assert raised.value.unknown
    assert "committed with a warning" in str(raised.value.__cause__)
    # It was made: the same code stands, and the engine finds it.
    assert engine.status(store, binding).state == "pending"
    assert engine.issue(store, binding).reason == "cooldown"


class Rows:
    """The host's own table, with one signature from before."""

    def __init__(self):
        self.new = {}
        self.old = None

    def keep(self, asked, record):
        """Insert a signature and return its id."""
        self.new[record.id] = (100 + len(self.new), asked.signature)
        return self.new[record.id][0]

    def of(self, asked, record_id):
        """Return id and image of a record."""
        return self.new[record_id]

    def newest_old(self, asked):
        """Return the newest signature from before the engine."""
        return self.old


class Host:
    """A back end that allows its one user everything."""

    def __init__(self, glue, connect):
        self.contract = glue.contract
        self.gateway = FakeGateway()
        self.rows = Rows()
        self.tenant = secrets.token_hex(8)
        ring = otp.KeyRing({"k": os.urandom(32)}, index=os.urandom(32))
        engine = otp.Engine(ring, signing_key=otp.SigningKey.from_seed(os.urandom(32)))
        # Each host has keys of its own, and so needs a table that no other keys began.
        connection = connect()
        with connection, connection.cursor() as cr:
            cr.execute("TRUNCATE otp_cell")
        connection.close()
        self.engine = engine
        sender = EsmsGateway(self.gateway.endpoint, "key", "secret", 5)
        self.signing = glue.Signing(engine, glue.CellStore(connect), sender, self.rows)
        self.binding = otp.Binding(
            tenant=self.tenant,
            purpose="sign",
            target=otp.Target(WHERE["model"], WHERE["field"], str(WHERE["id"])),
            user="7",
            mobile=MOBILE,
        )

    def send(self):
        """Ask for a code."""
        return self.signing.send(self.contract.parse_send(WHERE, {}), self.binding, MOBILE)

    def verify(self, typed, **more):
        """Say what was typed."""
        asked = self.contract.parse_verify({**WHERE, "otp": typed, **more}, {})
        return self.signing.verify(asked, self.binding)

    def get(self):
        """Ask for the signature."""
        return self.signing.get(self.contract.parse_get(WHERE, {}), self.tenant)


@pytest.fixture
def host(glue, connect):
    """Return a back end with the glue in it."""
    host = Host(glue, connect)
    yield host
    host.gateway.close()


def test_case_200_other_keys_on_a_table_in_use_are_an_error_that_says_so(host, glue, connect):
    """And their own keys are none."""
    other = otp.Engine(otp.KeyRing({"k": os.urandom(32)}, index=os.urandom(32)))
    with pytest.raises(otp.ForeignStoreError, match="another index secret"):
        glue.Signing(other, glue.CellStore(connect), None, None)
    glue.Signing(host.engine, glue.CellStore(connect), None, None)


def test_the_three_answers(host):
    """From the code to the record; within the cooldown the same code is named."""
    sent = host.send()
    assert (sent["status"], sent["message"]) == (200, "OTP generated successfully")
    again = host.send()
    assert (again["status"], again["message"]) == (200, "OTP already sent")
    assert again["esms_otp_generation_id"] == sent["esms_otp_generation_id"]
    assert len(host.gateway.to(MOBILE)) == 1

    code = host.gateway.code(MOBILE)
    assert host.verify(wrong(code))["attempts_left"] == 4
    drawn = io.BytesIO()
    Image.new("1", (60, 20)).save(drawn, "PNG")
    image = base64.b64encode(drawn.getvalue()).decode()
    done = host.verify(code, signature=image, signer_name="Siti")
    assert (done["status"], done["signature_id"]) == (200, 100)
    assert host.verify(code) == {"status": 400, "message": "Invalid or expired OTP"}

    told = host.get()
    assert (told["signature"], told["signer_name"]) == (image, "Siti")
    assert told["esms_otp_generation_id"] == sent["esms_otp_generation_id"]
    assert told["signature_record"].count(".") == 2


def test_an_old_signature_stays_readable(host):
    """Until the field is signed anew; it has no record, and Get says so."""
    assert host.get() == {"status": 404, "message": "Nothing is signed yet"}
    host.rows.old = {
        "signature_id": 7,
        "challenge_id": "839210",
        "verified_at": datetime(2024, 5, 15, 10, 3, tzinfo=timezone.utc),
        "signer_name": "Siti",
        "image": None,
        "recipient": MOBILE,
        "jws": None,
        "mask": False,
    }
    old = host.get()
    assert (old["status"], old["signature_record"]) == (200, False)
    assert (old["esms_otp_generation_id"], old["signature_id"]) == ("gen_839210", 7)
    host.send()
    assert host.verify(host.gateway.code(MOBILE))["status"] == 200
    new = host.get()
    assert new["signature_id"] == 100
    assert new["signature_record"]


@pytest.mark.parametrize(("status", "told", "waits"), [(5, "5", (0, 10)), (0, "", (10, 60))])
def test_a_gateway_that_fails(host, status, told, waits):
    """A refusal is refunded but for ten seconds; a doubt keeps its cooldown."""
    host.gateway.answer_next(status, delay=0 if status else 60)
    assert host.send()["esms_otp_response_status"] == told
    again = host.send()
    assert again["status"] == (429 if status else 200)
    assert waits[0] < again["retry_after"] <= waits[1]


def test_one_of_many_at_once(host):
    """The right code from eight threads, each with a connection of its own."""
    host.send()
    code = host.gateway.code(MOBILE)
    answers = at_once([lambda: host.verify(code)] * 8)
    assert sorted(answer["status"] for answer in answers) == [200] + [400] * 7
    assert len(host.rows.new) == 1
