"""The vector files that the engine's own tests read, through Python."""

import base64
import json
from typing import Any

from support import REPOSITORY

import otp_engine as otp

RECORDS = REPOSITORY / "tests" / "vectors" / "records"


def read(name: str) -> Any:
    return json.loads((RECORDS / name).read_text())


def test_case_93_the_golden_records_verify_each_and_as_a_chain() -> None:
    golden = read("golden-v1.json")
    jwks = json.dumps(golden["jwk_set"])
    names = {name: golden[name] for name in ("tenant", "model", "field")}
    names["target_id"] = golden["record"]
    assert len(golden["chain"]) == golden["count"] == 5
    for link in golden["chain"]:
        held = otp.verify_record(link["sd_jwt"], jwks, expected=otp.Expected(**names))
        assert held.valid and held.payload == json.loads(link["payload"]), held
        jws, *disclosures = link["sd_jwt"].rstrip("~").split("~")
        assert otp.verify_record(jws, jwks, disclosures)
        assert not otp.verify_record(jws, jwks, [*disclosures, "eA"])
    head = base64.urlsafe_b64decode(golden["head"] + "=")
    newest_first = [link["sd_jwt"] for link in reversed(golden["chain"])]
    whole = otp.Expected(**names, chain_head=otp.ChainHead(golden["count"], head))
    assert otp.verify_chain(newest_first, jwks, whole)
    assert not otp.verify_chain(newest_first[1:], jwks, whole)
    assert not otp.verify_chain(
        newest_first, jwks, otp.Expected(**names, chain_head=otp.ChainHead(5, bytes(32)))
    )


def test_records_that_other_tools_signed_verify() -> None:
    stock = read("stock-v1.json")
    assert stock["made"]
    for made in stock["made"]:
        held = otp.verify_record(made["sd_jwt"], json.dumps(stock["jwk_set"]))
        assert held, (made["tool"], held.reason)


def test_a_record_under_another_algorithm_is_refused() -> None:
    golden = read("golden-v1.json")
    refused = golden["hs256"]["record"]["sd_jwt"]
    held = otp.verify_record(refused, json.dumps(golden["jwk_set"]))
    assert not held and held.payload is None
