"""The page's verification, on golden records: all of them pass, each change of one is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import Open, Tab

VECTORS = Path(__file__).parents[3] / "tests/vectors/records"
GOLDEN = json.loads((VECTORS / "golden-v1.json").read_text())
STOCK = json.loads((VECTORS / "stock-v1.json").read_text())
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
EXPECTED = {name: GOLDEN[name] for name in ("model", "field", "record")}

VERIFY = """async ([texts, keys, expected]) => {
    const { isGood, verify } = await import("/verify.js");
    const good = [];
    for (const text of texts) {
        good.push(isGood(await verify(text, keys, expected)));
    }
    return good;
}"""
CHECKS = """async ([text, keys, expected]) => {
    const { verify } = await import("/verify.js");
    return await verify(text, keys, expected);
}"""


def good(tab: Tab, texts: list[str], keys: object = None, **expected: object) -> list[bool]:
    """Return which of the records the page calls valid."""
    judged: list[bool] = tab.page.evaluate(VERIFY, [texts, keys or GOLDEN["jwk_set"], expected])
    return judged


def failing(tab: Tab, text: str, keys: object = None, **expected: object) -> list[str]:
    """Return the claims about a record that do not hold."""
    checks: list[dict[str, Any]] = tab.page.evaluate(
        CHECKS, [text, keys or GOLDEN["jwk_set"], expected]
    )
    return [check["claim"] for check in checks if check["holds"] is False]


def test_golden_records_are_valid(open_page: Open) -> None:
    tab = open_page()
    chain = [made["sd_jwt"] for made in GOLDEN["chain"]]
    assert good(tab, chain, **EXPECTED) == [True] * len(chain)
    made = [made["sd_jwt"] for made in STOCK["made"]]
    assert good(tab, made, STOCK["jwk_set"]) == [True] * len(made)
    bare = [text.partition("~")[0] for text in chain]
    assert good(tab, bare) == [True] * len(bare), "details may be withheld"
    assert tab.faults == []


def test_each_changed_character_is_seen(open_page: Open) -> None:
    tab = open_page()
    text = GOLDEN["chain"][0]["sd_jwt"]
    # The next character of the alphabet: where a last one has unused bits, these alone change.
    changed = [
        text[:at] + ALPHABET[(ALPHABET.find(was) + 1) % 64] + text[at + 1 :]
        for at, was in enumerate(text)
    ]
    assert len(changed) > 1500
    passed = [at for at, valid in enumerate(good(tab, changed)) if valid]
    assert passed == []
    assert good(tab, [text]) == [True]


@pytest.mark.parametrize(
    ("change", "claim"),
    [
        ({"model": "loan.other"}, "it is about this record"),
        ({"record": "4712"}, "it is about this record"),
        ({"user": "43"}, "it was signed by this user"),
        ({"generation": "gen_0"}, "it belongs to this code"),
        ({"image": None}, None),
    ],
)
def test_a_record_of_something_else(
    open_page: Open, change: dict[str, object], claim: str | None
) -> None:
    tab = open_page()
    text = GOLDEN["chain"][0]["sd_jwt"]
    assert failing(tab, text, **{**EXPECTED, **change}) == ([claim] if claim else [])


def test_keys_and_disclosures_that_do_not_fit(open_page: Open) -> None:
    tab = open_page()
    text = GOLDEN["chain"][0]["sd_jwt"]
    one, other = GOLDEN["jwk_set"]["keys"]
    key, signed = "its key is one of this server's", "the signature is good"
    in_use = "the key was in use when it was signed"
    details = "each disclosed detail is the one that was signed"
    assert failing(tab, text, {"keys": [other]}) == [key, in_use, signed]
    renamed = {**other, "kid": one["kid"], "not_before": 0}
    assert failing(tab, text, {"keys": [renamed]}) == [key, signed]
    retired = {**one, "retired_at": one["not_before"]}
    assert failing(tab, text, {"keys": [retired]}) == [in_use]
    first = text.split("~")[1]
    assert failing(tab, f"{text}{first}~") == [details]
    foreign = GOLDEN["other_field"]["sd_jwt"].split("~")[1]
    assert failing(tab, f"{text.partition('~')[0]}~{foreign}~") == [details]
    shared = GOLDEN["hs256"]["record"]["sd_jwt"]
    assert "it has the form of a signature record" in failing(tab, shared)
