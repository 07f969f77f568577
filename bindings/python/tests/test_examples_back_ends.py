"""The examples of the three routes, by the test client of each framework, on a real PostgreSQL."""

import asyncio
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import psycopg
import pytest
import servers
from gateway_fake import Fake
from support import REPOSITORY, wrong

import otp_engine as otp
from otp_engine.esms import setup

EXAMPLES = REPOSITORY / "examples" / "python"
FRAMEWORKS = ("flask", "django", "fastapi")
WHERE = {"model": "loan", "field": "signature", "id": 15}
MOBILE = "60123456789"
Post = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A host's database and keys, made by the one command that the guide tells."""
    keys = tmp_path_factory.mktemp("host") / "keys"
    with servers.own_folder() as folder, servers.PostgresServer(folder) as server:
        for _ in range(2):  # what is there is kept
            done = run("otp_engine.esms.setup", server.address, str(keys))
            assert done.returncode == 0, done.stderr
        assert done.stdout == "the tables are there\n"
        with psycopg.connect(server.address) as owner:
            owner.execute(
                """CREATE TABLE person (id int PRIMARY KEY, mobile text);
                CREATE TABLE loan (id int PRIMARY KEY, person_id int, amount numeric(12, 2));
                INSERT INTO person SELECT n, '6012345678' || n FROM generate_series(0, 9) AS n;
                INSERT INTO loan SELECT 15 + n, n, 1000 FROM generate_series(0, 9) AS n;
                UPDATE person SET mobile = '012-345 6788' WHERE id = 8;
                UPDATE person SET mobile = NULL WHERE id = 7"""
            )
        connection = {
            "PGHOST": str(folder), "PGUSER": "otp", "PGDATABASE": "postgres",
            "OTP_KEYS": str(keys), "SECRET_KEY": "secret of the sessions",
        }  # fmt: skip
        kept = {name: os.environ.get(name) for name in connection}
        os.environ.update(connection)
        yield server.address
        for name, value in kept.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def run(module: str, *words: str) -> "subprocess.CompletedProcess[str]":
    paths = os.pathsep.join(sys.path)
    return subprocess.run(
        [sys.executable, "-m", module, *words], env={**os.environ, "PYTHONPATH": paths},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="module")
def gateway(database: str) -> Iterator[Fake]:
    fake = Fake()
    os.environ["ESMS_GATEWAY"] = f"{fake.endpoint} key secret"
    yield fake
    fake.close()


@pytest.fixture(scope="module", params=FRAMEWORKS)
def example(request: pytest.FixtureRequest, gateway: Fake) -> Iterator[ModuleType]:
    pytest.importorskip(request.param)
    path = EXAMPLES / f"{request.param}_back_end.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    module.signing.close()


@pytest.fixture
def posts(example: ModuleType) -> Iterator[Callable[[int | None], Post]]:
    """Return what makes a client of a person's; None is nobody."""
    kind = example.__name__.removesuffix("_back_end")

    def flask(person: int | None) -> Post:
        client = example.app.test_client()
        if person is not None:
            with client.session_transaction() as session:
                session["person_id"] = person

        def post(name: str, body: Any, kind: str = JSON, **query: Any) -> tuple[int, Any]:
            how = {"json": body} if isinstance(body, dict) else {"data": body, "content_type": kind}
            answer = client.post(f"/api/esms_otp/{name}", query_string=query, **how)
            return answer.status_code, answer.get_json(silent=True)

        return post

    def django(person: int | None) -> Post:
        from django.test import Client

        client = Client()
        if person is not None:
            session = client.session
            session["person_id"] = person
            session.save()
            client.cookies["sessionid"] = session.session_key

        def post(name: str, body: Any, kind: str = JSON, **query: Any) -> tuple[int, Any]:
            path = f"/api/esms_otp/{name}?{urllib.parse.urlencode(query, doseq=True)}"
            answer = client.post(path, body, content_type=kind)
            is_json = answer.get("Content-Type", "").startswith(JSON)
            return answer.status_code, answer.json() if is_json else None

        return post

    def fastapi(person: int | None) -> Post:
        from fastapi.testclient import TestClient

        client = TestClient(example.app, cookies=session_cookie(person))

        def post(name: str, body: Any, kind: str = JSON, **query: Any) -> tuple[int, Any]:
            how = {"json": body} if isinstance(body, dict) else {"content": body}
            answer = client.post(
                f"/api/esms_otp/{name}", params=query, headers={"content-type": kind}, **how
            )
            return answer.status_code, answer.json()

        return post

    yield {"flask": flask, "django": django, "fastapi": fastapi}[kind]


JSON = "application/json"


def session_cookie(person: int | None) -> dict[str, str]:
    """Sign a session as Starlette does."""
    import base64

    from itsdangerous import TimestampSigner

    if person is None:
        return {}
    data = base64.b64encode(json.dumps({"person_id": person}).encode())
    return {"session": TimestampSigner(os.environ["SECRET_KEY"]).sign(data).decode()}


def code(gateway: Fake) -> str:
    form = urllib.parse.parse_qs(gateway.requests[-1][2])
    (found,) = re.findall(r"code is ([0-9]+)", form["msg"][0])
    return str(found)


def test_case_477_the_three_routes_of_each_example(
    example: ModuleType, posts: Callable[[int | None], Post], gateway: Fake
) -> None:
    # Each example has a person and a loan of its own.
    person = FRAMEWORKS.index(example.__name__.removesuffix("_back_end"))
    where = {**WHERE, "id": 15 + person}
    post = posts(person)

    def ask(name: str, **more: Any) -> Any:
        status, told = post(name, {"jsonrpc": "2.0", "params": {**where, **more}})
        assert status == 200, told
        return told["result"]

    assert ask("get_esms_otp_signature")["status"] == 404
    before = len(gateway.requests)
    sent = ask("send_esms_otp", redirect_url="/my/loans")
    assert (sent["status"], sent["message"]) == (200, "OTP generated successfully")
    assert sent["recipient_mobile"] == f"6012345678{person}"
    assert ask("send_esms_otp")["message"] == "OTP already sent"
    assert len(gateway.requests) == before + 1
    right = code(gateway)
    came = time.monotonic()
    assert ask("verify_esms_otp", otp=wrong(right))["attempts_left"] == 4
    assert time.monotonic() - came >= 0.19, "a rejection is held"
    done = ask("verify_esms_otp", otp=right, signer_name="Siti")
    assert (done["status"], done["redirect_url"]) == (200, "/my/loans")
    assert ask("verify_esms_otp", otp=right) == {"status": 400, "message": "Invalid or expired OTP"}
    told = ask("get_esms_otp_signature")
    assert told["esms_otp_generation_id"] == sent["esms_otp_generation_id"]
    assert (told["signer_name"], told["signature_id"]) == ("Siti", done["signature_id"])
    assert told["signature_record"].count(".") == 2

    # Another's loan is not there, and another field is not allowed.
    assert ask("send_esms_otp", id=15 + 9)["status"] == 404
    assert ask("send_esms_otp", field="amount")["status"] == 403


def test_case_477_a_number_without_its_country_code_and_none_at_all(
    posts: Callable[[int | None], Post],
) -> None:
    def send(person: int) -> Any:
        body = {"params": {**WHERE, "id": 15 + person}}
        return posts(person)("send_esms_otp", body)[1]["result"]

    assert send(8)["recipient_mobile"] == "60123456788"
    assert send(7) == {"status": 400, "message": "No usable mobile number is registered"}


def test_case_478_what_is_no_request_is_refused_by_each_example(
    example: ModuleType, posts: Callable[[int | None], Post], gateway: Fake
) -> None:
    nobody, somebody = posts(None), posts(3)
    before = len(gateway.requests)
    for name in ("send_esms_otp", "verify_esms_otp", "get_esms_otp_signature"):
        assert nobody(name, {"params": WHERE})[0] == 401
        for body, said in (
            (b"{", "params"), (b"[1]", "params"), (b'{"params": 5}', "params"),
            (b'{"params": {"field": "signature", "id": 15}}', "model"),
            (b'{"params": {"model": "loan", "field": "signature", "id": true}}', "id"),
            (b'{"params": {"model": "loan", "field": "a", "field": "b", "id": 1}}', "field"),
        ):  # fmt: skip
            status, told = somebody(name, body)
            assert (status, told["result"]["status"]) == (200, 400), (name, body)
            assert said in told["result"]["message"], (name, body, told)
    # Another type than JSON, which a browser sends to any site with its cookies.
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        body = json.dumps({"params": WHERE}).encode()
        status, told = somebody("send_esms_otp", body, kind=kind)
        wrong_type = {"status": 400, "message": "content-type must be application/json"}
        assert (status, told["result"]) == (200, wrong_type), kind
    # No params at all may stand in the body.
    query = {"model": "loan", "field": "signature", "id": "18"}
    told = somebody(
        "get_esms_otp_signature", b"{}", kind="Application/JSON; charset=utf-8", **query
    )
    assert told[1]["result"]["status"] == 404
    # Body and query must agree.
    told = somebody("send_esms_otp", {"params": WHERE}, id="16")[1]["result"]
    assert told["status"] == 400 and "id" in told["message"]
    assert somebody("another", {"params": WHERE})[0] in (404, 422)
    assert len(gateway.requests) == before


def test_case_641_each_example_refuses_a_query_that_says_two_things(
    posts: Callable[[int | None], Post], gateway: Fake
) -> None:
    before = len(gateway.requests)
    query = {"model": "loan", "field": "signature", "id": ["18", "19"]}
    told = posts(3)("send_esms_otp", b"{}", **query)[1]["result"]
    assert told == {"status": 400, "message": "id stands twice in the query"}
    assert len(gateway.requests) == before


def test_case_479_a_slow_gateway_blocks_no_other_request_of_fastapi(gateway: Fake) -> None:
    httpx = pytest.importorskip("httpx")
    example = sys.modules.get("fastapi_back_end")
    assert example is not None, "the others have loaded it"

    @example.app.get("/health")
    async def health() -> str:
        return "well"

    async def play() -> list[float]:
        transport = httpx.ASGITransport(app=example.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://host") as client:
            client.cookies.update(session_cookie(5))
            body = {"params": {**WHERE, "id": 20}}
            sending = asyncio.create_task(client.post("/api/esms_otp/send_esms_otp", json=body))
            waits = []
            while not sending.done():
                began = time.monotonic()
                assert (await client.get("/health")).json() == "well"
                waits.append(time.monotonic() - began)
                await asyncio.sleep(0.05)
            assert (await sending).json()["result"]["status"] == 200
            return waits

    gateway.before = 1.5
    try:
        waits = asyncio.run(play())
    finally:
        gateway.before = 0
    assert len(waits) > 5 and max(waits) < 1.0, waits


def test_case_479_an_example_is_short() -> None:
    for framework in FRAMEWORKS:
        path = EXAMPLES / f"{framework}_back_end.py"
        assert len(path.read_text().splitlines()) < 80, path


def test_case_479_set_up_keeps_keys_and_names_what_is_none(
    database: str, tmp_path: pathlib.Path
) -> None:
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute("CREATE DATABASE another")
    own, keys = database.replace("dbname=postgres", "dbname=another"), tmp_path / "keys"
    (tmp_path / "file").touch()
    done = run("otp_engine.esms.setup", own, str(tmp_path / "file"))
    assert done.returncode == 1 and "file" in done.stderr
    with psycopg.connect(own) as owner:
        found = owner.execute("SELECT to_regclass('otp_engine.otp_cell')").fetchone()
        assert found == (None,), "no tables before there is a place for keys"
    assert run("otp_engine.esms.setup", own, str(keys)).returncode == 0
    modes = {path.name: path.stat().st_mode & 0o777 for path in keys.iterdir()}
    assert modes == {"keys.json": 0o600, "signing.pem": 0o600}
    texts = {name: (keys / name).read_bytes() for name in modes}
    assert run("otp_engine.esms.setup", own, str(keys)).returncode == 0
    assert texts == {name: (keys / name).read_bytes() for name in modes}
    for name in modes:
        (keys / name).write_text("secret canary")
        done = run("otp_engine.esms.setup", own, str(keys))
        assert done.returncode == 1 and name in done.stderr and "canary" not in done.stderr
        (keys / name).write_bytes(texts[name])
    # A key that signs from now on can be made; those that began the tables cannot.
    (keys / "signing.pem").unlink()
    with pytest.raises(FileNotFoundError, match=r"esms\.setup makes it: .*signing\.pem"):
        setup.read_keys(keys)
    assert run("otp_engine.esms.setup", own, str(keys)).returncode == 0
    for began, other in ((own, tmp_path / "lost"), (database, keys)):
        done = run("otp_engine.esms.setup", began, str(other))
        assert done.returncode == 1 and "another index secret" in done.stderr
    assert list((tmp_path / "lost").iterdir()) == [], "keys that open nothing do not stay"
    assert len(list(keys.iterdir())) == 2
    done = run("otp_engine.esms.setup", f"host={tmp_path}", str(keys))
    assert done.returncode == 1 and done.stderr.startswith("setup: ")


def test_set_up_names_the_variable_and_the_key_that_is_no_ed25519(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OTP_KEYS", raising=False)
    with pytest.raises(ValueError, match=r"^OTP_KEYS is not set; it must name the folder"):
        setup.keys_folder()
    monkeypatch.setenv("OTP_KEYS", str(tmp_path))
    with pytest.raises(ValueError, match=r"^OTP_KEYS: .*esms\.setup makes it"):
        setup.keys_folder()
    setup.make_keys(tmp_path)
    assert setup.keys_folder() == tmp_path
    rsa = ["openssl", "genpkey", "-algorithm", "RSA", "-out"]
    subprocess.run([*rsa, tmp_path / "signing.pem"], check=True, capture_output=True)
    said = (
        r"^OTP_KEYS: .*signing\.pem is no key that signs: an RSA key, and no Ed25519 key.*genpkey"
    )
    with pytest.raises(ValueError, match=said) as raised:
        setup.keys_folder()
    assert "convert" not in str(raised.value)


def test_the_published_keys_are_those_that_sign_and_those_that_did(tmp_path: pathlib.Path) -> None:
    setup.make_keys(tmp_path)
    _ring, own = setup.read_keys(tmp_path)
    assert json.loads(setup.public_jwks(tmp_path)) == json.loads(own.public_jwks)
    old = otp.SigningKey.from_seed(bytes(31) + b"1")
    [kept], [mine] = (json.loads(key.public_jwks)["keys"] for key in (old, own))
    kept["retired_at"] = 1_790_000_000
    rsa = {"kty": "RSA", "n": "AQAB", "e": "AQAB"}
    before = tmp_path / setup.RETIRED
    nameless = {name: value for name, value in kept.items() if name != "kid"}
    others = [nameless, {**mine, "not_before": 5}, rsa, {**kept, "x": "AAAA"}]
    before.write_text(json.dumps({"keys": others}))
    published = setup.public_jwks(tmp_path)
    assert json.loads(published) == {"keys": [mine, kept]}
    assert not otp.verify_record("", published)
    for text in ("", "[]", "{}", "null", '{"keys": [{"kty": "OKP", "d": "canary"}]}', "\xe9"):
        before.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=r"retired\.jwks") as raised:
            setup.public_jwks(tmp_path)
        assert "canary" not in str(raised.value)
