"""What the service says of itself in OpenAPI holds for whatever it is sent."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import urlopen

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from configured import ADMIN_TOKEN, Host
from service import Service

SEED = 20240515
EXAMPLES = 40
#: Not that what a schema refuses gets an HTTP error: the contract answers 200 and a status within.
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]
#: A user whose rate limits no other test needs.
HEADERS = {"X-Demo-User": "4711"}
ADMIN = {"Authorization": f"Bearer {ADMIN_TOKEN}"}

Document = dict[str, Any]
#: Is told the path of an operation, and what it answered.
Seen = Callable[[str, Response], None]


def conforms(
    base: str,
    document: Document,
    examples: int,
    *,
    headers: Callable[[], dict[str, str]] = lambda: HEADERS,
    checks: list[Any] = CHECKS,
    seen: Seen = lambda _path, _response: None,
) -> int:
    """Ask every operation, and return how many answers came; raise where one does not conform."""
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=base)
    asked = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()

        @hypothesis.seed(SEED)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.generate],
        )
        @hypothesis.given(case=operation.as_strategy())
        def answers(case: schemathesis.Case[Any]) -> None:
            nonlocal asked
            asked += 1
            response = case.call_and_validate(headers=headers(), checks=checks)
            seen(case.path, response)
            if case.path.startswith("/api/") and response.status_code == 200:
                said = response.json()
                assert said.get("result", {}).get("status") != 500, said

        answers()
    return asked


@pytest.fixture(scope="module")
def document(service: Service) -> Document:
    """Return the document that the service gives."""
    return read(service.url)


def read(base: str) -> Document:
    """Return the document that a listener gives."""
    with urlopen(base + "/openapi.json") as answer:
        document: Document = json.load(answer)
    return document


def test_the_service_does_as_its_document_says(service: Service, document: Document) -> None:
    print(f"seed {SEED}")
    asked = conforms(service.url, document, EXAMPLES)
    assert {f"/api/esms_otp/{name}" for name in ("send_esms_otp", "verify_esms_otp")} < set(
        document["paths"]
    )
    assert asked >= 3 * EXAMPLES, asked
    assert '"ERROR"' not in service.text()
    print(f"figure: generated requests to the service, all answered as documented = {asked}")


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """Return an issuer, and who knows the records."""
    host = Host()
    yield host
    host.stop()


@pytest.fixture(scope="module")
def guarded(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Return a service whose users have tokens of the issuer, and its administration one too."""
    service = host.serve(tmp_path_factory.mktemp("guarded"))
    yield service
    assert service.stop() == 0


def test_case_700_with_a_token_requests_get_past_the_login(guarded: Service, host: Host) -> None:
    document = read(guarded.url)
    assert document["components"]["securitySchemes"]["login"]["scheme"] == "bearer"
    results: Counter[int] = Counter()

    def seen(path: str, response: Response) -> None:
        if path.startswith("/api/") and response.status_code == 200:
            said = response.json()
            assert "error" not in said, said
            results[said["result"]["status"]] += 1

    before = host.asked
    asked = conforms(guarded.url, document, EXAMPLES, headers=host.login, seen=seen)
    assert host.asked - before > EXAMPLES // 2, "who knows the records was asked"
    assert results[200] > 0 and results[404] > 0, "codes are sent, and nothing is signed yet"
    assert not {500, 502, 503} & set(results), results
    assert '"ERROR"' not in guarded.text()
    print(f"figure: generated requests with a token, all answered as documented = {asked}")
    print(f"figure: codes sent to them = {results[200]}")


def test_case_701_without_a_token_nothing_is_done(guarded: Service, host: Host) -> None:
    """Whatever `Authorization` is made up, or none: the answer is the documented one."""
    told: Counter[str] = Counter()
    before = host.asked, guarded.outbox.read_bytes() if guarded.outbox.exists() else b""

    def seen(path: str, response: Response) -> None:
        if path.startswith("/api/") and response.status_code == 200:
            assert response.json()["error"]["code"] == 100, response.json()
            told[path] += 1

    document = read(guarded.url)
    conforms(guarded.url, document, EXAMPLES // 2, headers=dict, seen=seen)
    routes = {path for path in document["paths"] if path.startswith("/api/")}
    assert set(told) == routes and len(routes) == 4, told
    after = host.asked, guarded.outbox.read_bytes() if guarded.outbox.exists() else b""
    assert after == before, "nobody was asked, and nothing was sent"

    def refused(path: str, response: Response) -> None:
        if path in acts:
            assert response.status_code == 401, (path, response.status_code)
            told[path] += 1

    document = read(guarded.admin)
    acts = {path for path, operations in document["paths"].items() if "post" in operations}
    conforms(guarded.admin, document, EXAMPLES // 2, headers=dict, seen=refused)
    assert acts <= set(told) and len(acts) == 7, told


def test_case_702_the_administration_does_as_its_document_says(guarded: Service) -> None:
    """And it asks for its token: schemathesis sends each act again without, and with another."""
    answers: Counter[tuple[str, int]] = Counter()

    def seen(path: str, response: Response) -> None:
        answers[path, response.status_code] += 1

    document = read(guarded.admin)
    checks = [*CHECKS, ignored_auth]
    asked = conforms(
        guarded.admin, document, EXAMPLES, headers=lambda: ADMIN, checks=checks, seen=seen
    )
    for path in ("/unlock", "/reset/user", "/purge", "/reload", "/metrics", "/health/ready"):
        assert answers[path, 200] > 0, (path, answers)
    assert not any(status in (401, 500) for _, status in answers), answers
    print(f"figure: generated requests to the administration, answered as documented = {asked}")


def test_case_702_an_act_without_its_token_is_found_out(planted: str, guarded: Service) -> None:
    Planted.fault = (200, '{"lifted": true}')
    document = read(guarded.admin)
    unlock = {**document, "paths": {"/unlock": document["paths"]["/unlock"]}}
    with pytest.raises(FailureGroup) as found:
        conforms(planted, unlock, 1, headers=lambda: ADMIN, checks=[ignored_auth])
    assert {type(one).__name__ for one in found.value.exceptions} == {"IgnoredAuth"}


class Planted(BaseHTTPRequestHandler):
    """Answers what no document says."""

    fault = (200, "{}")

    def do_POST(self) -> None:
        """Answer with the fault."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, body = self.fault
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_GET = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_HEAD = do_TRACE = do_POST

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def planted() -> Iterator[str]:
    """Return where a server answers with the planted fault."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Planted)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ((500, "{}"), "ServerError"),
        ((418, "{}"), "UndefinedStatusCode"),
        ((200, '{"jsonrpc": "2.0", "result": {"status": "200"}}'), "JsonSchemaError"),
        ((200, "no json"), "MalformedJson"),
    ],
)
def test_a_service_that_does_otherwise_is_found_out(
    planted: str, document: Document, fault: tuple[int, str], name: str
) -> None:
    Planted.fault = fault
    paths = {path: told for path, told in document["paths"].items() if path.startswith("/api/")}
    with pytest.raises(FailureGroup) as found:
        conforms(planted, {**document, "paths": paths}, 1)
    assert name in {type(one).__name__ for one in found.value.exceptions}
