"""The controller that docs/existing-backends.md prints, with a stand-in for Odoo's request."""

import base64
import importlib
import pathlib
import re
import sys
import threading
import types
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import psycopg
import psycopg2
import pytest
import servers
import stores
from gateway_fake import Fake
from psycopg2.extensions import TransactionRollbackError
from support import REPOSITORY, wrong
from test_surface import PNG

from otp_engine.esms import setup
from otp_engine.stores.psycopg2 import Psycopg2Store

MOBILE = "60123456789"
FIELD = "client_schedule_esms_otp_signature_ids"
WHERE: dict[str, Any] = {"model": "loan.application", "field": FIELD, "id": 15}
OLD = types.SimpleNamespace(
    id=7,
    generation="gen_839210",
    verified_at=datetime(2024, 5, 15, 10, 3),  # naive and in UTC, as Odoo keeps them
    signer_name="Siti",
    mobile=MOBILE,
)


def printed() -> tuple[str, str]:
    """Return the controller of the guide, and what answers for old signatures."""
    guide = (REPOSITORY / "docs" / "existing-backends.md").read_text()
    controller, old = re.findall(r"^```python\n(.*?)^```", guide, re.DOTALL | re.MULTILINE)
    return controller, old


class Environment:
    """Odoo's, for one user: the loan 15 is of user 7."""

    def __init__(self, host: "Host", uid: int) -> None:
        self.host, self.uid = host, uid
        self.commits = 0
        self.cr = types.SimpleNamespace(dbname="bank", commit=self.commit)
        self.user = types.SimpleNamespace(sudo=lambda: types.SimpleNamespace(
            signing_mobile=host.mobile
        ))  # fmt: skip

    def commit(self) -> None:
        self.commits += 1

    def __getitem__(self, model: str) -> Any:
        if model == "old.signature":
            found = types.SimpleNamespace(search=lambda *_, **__: self.host.old)
            return types.SimpleNamespace(sudo=lambda: found)
        assert model == "loan.application"
        loan = types.SimpleNamespace(id=15, amount=1000.0)
        wanted = [("id", "=", 15), ("user_id", "=", 7)]
        return types.SimpleNamespace(
            search=lambda domain: [] if domain != wanted else Found([loan], loan)
        )


class Found(list[Any]):
    """A recordset of one."""

    def __init__(self, records: list[Any], only: Any) -> None:
        super().__init__(records)
        self.id, self.amount = only.id, only.amount


class Host:
    """A back end on a database, with Odoo's modules as far as the controller imports them."""

    def __init__(self, address: str, keys: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
        self.gateway, self.old, self.mobile = Fake(), [], "012-345 6789"
        self.request = types.SimpleNamespace()
        patch.setenv("OTP_KEYS", str(keys))
        patch.setenv("ESMS_GATEWAY", f"{self.gateway.endpoint} key secret")
        how = dict(pair.split("=") for pair in address.split())
        modules: dict[str, Any] = {
            "odoo": {
                "http": self.http(),
                "sql_db": self.sql_db(how),
                "tools": types.SimpleNamespace(config={"workers": 2}),
            },
            "odoo.http": {"request": self.request},
        }
        for name, members in modules.items():
            patch.setitem(sys.modules, name, module(name, **members))
        package = module("printed", __path__=[])
        patch.setitem(sys.modules, "printed", package)
        controller, old = printed()
        for name, text in (("old_signatures", old), ("main", controller)):
            made = module(f"printed.{name}", __package__="printed")
            patch.setitem(sys.modules, f"printed.{name}", made)
            exec(compile(text, "docs/existing-backends.md", "exec"), vars(made))
        self.main = importlib.import_module("printed.main")

    @staticmethod
    def http() -> Any:
        def route(paths: list[str], **how: Any) -> Callable[[Any], Any]:
            assert how == {"type": "json", "auth": "user"}
            assert "/api/esms_otp/verify_esms_otp" in paths and len(paths) == 3
            return lambda function: function

        return types.SimpleNamespace(Controller=object, route=route)

    @staticmethod
    def sql_db(how: dict[str, str]) -> Any:
        def connection_info_for(database: str) -> tuple[str, dict[str, str]]:
            assert database == "bank"
            return database, how

        return types.SimpleNamespace(connection_info_for=connection_info_for)

    def ask(self, name: str, params: dict[str, Any], uid: int = 7, **more: Any) -> Any:
        """Ask as the framework calls a handler; more are members of the request."""
        asked = types.SimpleNamespace(
            path=f"/api/esms_otp/{name}", args={}, environ={}, get_data=lambda: b"{}"
        )
        vars(asked).update(more)
        return self.run(asked, params, Environment(self, uid))

    def run(self, asked: Any, params: dict[str, Any], env: Environment) -> Any:
        with _lock:
            self.request.httprequest, self.request.env = asked, env
            return self.main.Sign().answer(**params)

    def send(self) -> Any:
        return self.ask("send_esms_otp", WHERE)

    def verify(self, typed: str, **more: Any) -> Any:
        return self.ask("verify_esms_otp", {**WHERE, "otp": typed, **more})

    def get(self) -> Any:
        return self.ask("get_esms_otp_signature", WHERE)

    @property
    def code(self) -> str:
        (found,) = re.findall(r"code\+is\+([0-9]+)", self.gateway.requests[-1][2])
        return str(found)


_lock = threading.RLock()


def module(name: str, **members: Any) -> types.ModuleType:
    made = types.ModuleType(name)
    vars(made).update(members)
    return made


@pytest.fixture(scope="module")
def shared() -> Iterator[Any]:
    with servers.own_folder() as folder, servers.PostgresServer(folder) as started:
        connection = psycopg2.connect(started.address)
        setup.make_tables(connection)
        connection.close()
        yield started


@pytest.fixture
def host(shared: Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    # Each has keys of its own, and so needs a table that no other keys began.
    stores.forget_cells(shared.address)
    setup.make_keys(tmp_path)
    host = Host(shared.address, tmp_path, monkeypatch)
    yield host
    host.main.made.close()
    host.gateway.close()


def test_case_200_other_keys_on_a_table_in_use_are_an_error_that_says_so(
    host: Host, shared: Any, tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert host.send()["status"] == 200
    made = host.main.made()
    made.clear()
    assert host.get()["status"] == 404  # and their own keys are none
    made.clear()
    setup.make_keys(tmp_path / "others")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(host.main, "KEYS", tmp_path / "others")
        told = host.send()
    assert told["status"] == 500 and told["reference"]
    assert "another index secret" in caplog.text


def test_the_three_answers(host: Host) -> None:
    sent = host.send()
    assert (sent["status"], sent["message"]) == (200, "OTP generated successfully")
    assert sent["recipient_mobile"] == MOBILE
    again = host.send()
    assert (again["status"], again["message"]) == (200, "OTP already sent")
    assert again["esms_otp_generation_id"] == sent["esms_otp_generation_id"]
    assert len(host.gateway.requests) == 1

    code = host.code
    assert host.verify(wrong(code))["attempts_left"] == 4
    image = base64.b64encode(PNG).decode()
    done = host.verify(code, signature=image, signer_name="Siti")
    assert done["status"] == 200
    assert host.verify(code) == {"status": 400, "message": "Invalid or expired OTP"}

    told = host.get()
    assert (told["signature"], told["signer_name"]) == (image, "Siti")
    assert told["signature_id"] == done["signature_id"]
    assert told["esms_otp_generation_id"] == sent["esms_otp_generation_id"]
    assert told["signature_record"].count(".") == 2


def test_what_is_not_allowed_is_no_code(host: Host) -> None:
    assert host.ask("send_esms_otp", WHERE, uid=8)["status"] == 404
    assert host.ask("send_esms_otp", {**WHERE, "field": "amount"})["status"] == 403
    bad = host.ask("send_esms_otp", {**WHERE, "id": "x"})
    assert bad["status"] == 400 and "id" in bad["message"]
    host.mobile = ""
    none = {"status": 400, "message": "No usable mobile number is registered"}
    assert host.send() == none
    assert host.gateway.requests == []


def test_an_old_signature_stays_readable(host: Host) -> None:
    """Until the field is signed anew; it has no record, and Get says so."""
    assert host.get() == {"status": 404, "message": "Nothing is signed yet"}
    host.old = OLD
    old = host.get()
    assert (old["status"], old["signature_record"]) == (200, False)
    assert (old["esms_otp_generation_id"], old["signature_id"]) == ("gen_839210", 7)
    assert old["verified_at"] == "2024-05-15 10:03:00"
    assert host.ask("get_esms_otp_signature", WHERE, uid=8)["status"] == 404
    host.send()
    assert host.verify(host.code)["status"] == 200
    new = host.get()
    assert new["signature_id"] != 7 and new["signature_record"]


@pytest.mark.parametrize(("status", "told", "waits"), [(5, "5", (0, 10)), (0, "", (10, 60))])
def test_a_gateway_that_fails(host: Host, status: int, told: str, waits: tuple[int, int]) -> None:
    """A refusal is refunded but for ten seconds; a doubt keeps its cooldown."""
    if status:
        host.gateway.reply = (200, b'{"status": 5}')
    else:
        host.gateway.hang_up = True
    assert host.send()["esms_otp_response_status"] == told
    again = host.send()
    assert again["status"] == (429 if status else 200)
    assert waits[0] < again["retry_after"] <= waits[1]


def test_one_of_many_at_once(host: Host, shared: Any) -> None:
    """The right code from eight threads, each on a connection of its own."""
    host.send()
    code, answers = host.code, []
    routes = host.main.routes
    env = Environment(host, 7)
    host.request.env = env

    def play() -> None:
        params = {**WHERE, "otp": code}
        told = routes.answer("verify_esms_otp", host.main.case_of, params, {}, b"{}")
        answers.append(told["status"])

    threads = [threading.Thread(target=play) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [400] * 7
    with psycopg.connect(shared.address) as owner:
        named = host.get()["esms_otp_generation_id"].removeprefix("gen_")
        count = owner.execute(
            "SELECT count(*) FROM otp_signature WHERE generation = %s", [named]
        ).fetchone()
    assert count == (1,)


def test_a_handler_that_runs_again_sends_no_second_message(host: Host) -> None:
    asked = types.SimpleNamespace(
        path="/api/esms_otp/send_esms_otp", args={}, environ={}, get_data=lambda: b"{}"
    )
    env = Environment(host, 7)
    first = host.run(asked, WHERE, env)
    assert host.run(asked, WHERE, env) is first and len(host.gateway.requests) == 1
    assert env.commits == 1, "its transaction ended before the engine was asked"

    # What the record's own look-up loses is the framework's to run again.
    class Lost(Environment):
        def __getitem__(self, model: str) -> Any:
            raise TransactionRollbackError("could not serialize access")

    asked.environ = {}
    with pytest.raises(TransactionRollbackError):
        host.run(asked, WHERE, Lost(host, 7))


def test_the_store_is_one(shared: Any) -> None:
    """The suite that every store must pass, with what the controller connects by."""
    stores.forget_cells(shared.address)
    report = Psycopg2Store(stores.connecting(shared.address)).check()
    assert report, report.text


def test_the_controller_is_short_and_that_of_the_real_odoo() -> None:
    controller, old = printed()
    assert len(controller.splitlines()) <= 60
    real = REPOSITORY / "bindings" / "odoo" / "tests" / "addons" / "existing_signing"
    assert (real / "controllers" / "main.py").read_text() == controller
    assert (real / "controllers" / "old_signatures.py").read_text() == old
