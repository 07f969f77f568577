"""What the service says of itself in OpenAPI holds for whatever it is sent."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

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


def conforms(base: str, document: dict[str, Any], examples: int) -> int:
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
            response = case.call_and_validate(headers=HEADERS, checks=CHECKS)
            if case.path.startswith("/api/") and response.status_code == 200:
                said = response.json()
                assert said.get("result", {}).get("status") != 500, said

        answers()
    return asked


@pytest.fixture(scope="module")
def document(service: Service) -> dict[str, Any]:
    """Return the document that the service gives."""
    read: dict[str, Any] = json.loads(service.get("/openapi.json"))
    return read


def test_the_service_does_as_its_document_says(service: Service, document: dict[str, Any]) -> None:
    print(f"seed {SEED}")
    asked = conforms(service.url, document, EXAMPLES)
    assert {f"/api/esms_otp/{name}" for name in ("send_esms_otp", "verify_esms_otp")} < set(
        document["paths"]
    )
    assert asked >= 3 * EXAMPLES, asked
    assert '"ERROR"' not in service.text()
    print(f"figure: generated requests to the service, all answered as documented = {asked}")


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
    planted: str, document: dict[str, Any], fault: tuple[int, str], name: str
) -> None:
    Planted.fault = fault
    paths = {path: told for path, told in document["paths"].items() if path.startswith("/api/")}
    with pytest.raises(FailureGroup) as found:
        conforms(planted, {**document, "paths": paths}, 1)
    assert name in {type(one).__name__ for one in found.value.exceptions}
