"""The contract's one set of vectors, which also drives the service and the example in Rust."""

import base64
import json
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest
from werkzeug.datastructures import MultiDict

from otp_engine.esms import contract

FOLDER = Path(__file__).parents[3] / "tests/vectors/contract"
PARSE = {
    "send": contract.parse_send,
    "verify": contract.parse_verify,
    "get": contract.parse_get,
}


def rows(file, member):
    """Return the rows of a file, each under its name."""
    read = json.loads((FOLDER / file).read_text("utf-8"))[member]
    assert len(read) > 50
    return [pytest.param(row, id=row["name"]) for row in read]


def read(row):
    """Read a request as the route does, and return its parts as the vectors name them."""
    contract.check_body(row["body"])
    params = json.loads(row["body"]).get("params", {})
    asked = PARSE[row["route"]](params, MultiDict(row.get("query", [])))
    parts = {name: getattr(asked, name) for name in asked.__slots__}
    if "generation_id" in parts:
        parts["esms_otp_generation_id"] = parts.pop("generation_id")
        image = parts["signature"]
        parts["signature"] = base64.b64encode(image).decode() if image else None
    return parts


@pytest.mark.parametrize("row", rows("requests-v1.json", "requests"))
def test_case_257_requests_are_read_as_the_contract_says(row):
    """Or refused by its message."""
    if "bad" in row:
        with pytest.raises(contract.Bad) as bad:
            read(row)
        assert bad.value.result == {"status": 400, "message": row["bad"]}
    else:
        assert read(row) == row["reads"]


def at(seconds):
    """Return an instant."""
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)


def fault_of(told):
    """Return what is wrong with evidence, which the vectors write as "image: missing"."""
    if told is None:
        return None
    kind, problem = told.split(": ")
    return SimpleNamespace(kind=kind, problem=problem)


def answer(kind, given):
    """Answer what the engine said."""
    given = SimpleNamespace(**given)
    match kind:
        case "sent":
            issued = SimpleNamespace(
                challenge_id=given.challenge_id,
                expires_at=at(given.expires_at),
                recipient=given.recipient,
            )
            return contract.sent(
                issued,
                gateway_status=given.gateway_status,
                minutes=contract.minutes_left(at(given.expires_at), at(given.now)),
                mask=given.mask,
            )
        case "refused":
            stands = given.stands and SimpleNamespace(**given.stands)
            if stands:
                stands.expires_at = at(stands.expires_at)
            return contract.already_sent(
                SimpleNamespace(
                    reason=given.reason,
                    retry_at=at(given.retry_at),
                    challenge_id=given.challenge_id,
                ),
                challenge=stands,
                recipient=given.recipient,
                mask=given.mask,
                now=at(given.now),
            )
        case "gateway_failed":
            return contract.gateway_failed(given.gateway_status)
        case "verified":
            verdict = SimpleNamespace(
                accepted=True,
                challenge_id=given.challenge_id,
                verified_at=at(given.verified_at),
            )
            return contract.verified(
                verdict, signature_id=given.signature_id, redirect_url=given.redirect_url
            )
        case "rejected":
            verdict = SimpleNamespace(
                accepted=False,
                rejection=given.rejection,
                attempts_left=getattr(given, "attempts_left", None),
                retry_at=at(getattr(given, "retry_at", None)),
                evidence_fault=fault_of(getattr(given, "evidence", None)),
            )
            return contract.rejected(verdict, at(given.now))
        case "signature":
            image = given.image and base64.b64decode(given.image)
            given.verified_at = at(given.verified_at)
            return contract.signature(**{**vars(given), "image": image})
        case "not_found":
            return contract.not_found(given.message)
        case "forbidden":
            return contract.forbidden(given.message)
        case "failed":
            return contract.failed(given.reference, given.failure)
    raise AssertionError(kind)


@pytest.mark.parametrize("row", rows("answers-v1.json", "answers"))
def test_case_258_answers_have_exactly_the_members_of_the_contract(row):
    """With their types: True equals 1."""
    result = answer(row["answer"], row["given"])
    assert json.dumps(result, sort_keys=True) == json.dumps(row["result"], sort_keys=True)
