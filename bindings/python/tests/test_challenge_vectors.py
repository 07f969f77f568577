"""The golden challenges, bindings and recipients that Rust and C read too."""

import json
from typing import Any

import pytest
from support import REPOSITORY, Clock, DictStore

import otp_engine as otp

VECTORS = json.loads((REPOSITORY / "tests" / "vectors" / "challenges-v1.json").read_text())
STORED = json.loads((REPOSITORY / "tests/vectors/records/store-v1.json").read_text())


def engine_of_vectors() -> otp.Engine:
    keys = otp.KeyRing({"2026a": bytes([1]) * 32}, index=bytes([2]) * 32)
    return otp.Engine(keys, clock=Clock(VECTORS["now"]))


def store_of(cells: list[dict[str, Any]]) -> DictStore:
    store = DictStore()
    for cell in cells:
        body = bytes.fromhex(cell["body"])
        kept = otp.Cell(cell["version"], cell.get("discard_after"), body)
        store.cells[bytes.fromhex(cell["key"])] = kept
    return store


def binding_of(members: dict[str, Any], **other: Any) -> otp.Binding:
    """Bind what a vector names."""
    target = otp.Target(members["model"], members["field"], members["record"])
    given = {name: members[name] for name in ("tenant", "purpose", "user")}
    where = {name: members[name] for name in ("mobile", "email") if members.get(name)}
    return otp.Binding(target=target, **{**given, **where, **other})


class Asked(DictStore):
    """A store that keeps the keys of the first load."""

    asked = b""

    def load(self, keys: list[bytes]) -> list[otp.Cell | None]:
        self.asked = self.asked or b"".join(keys)
        return super().load(keys)


def test_bindings_are_read_member_for_member() -> None:
    for vector in VECTORS["bindings"]:
        content = None if vector["content"] is None else bytes.fromhex(vector["content"])
        to = binding_of(vector, content=content, content_guessable=vector["guessable"])
        store = Asked()
        assert engine_of_vectors().issue(store, to)
        assert store.asked.hex() == vector["keys"]


def test_recipients_are_read_or_refused() -> None:
    maker, names = engine_of_vectors(), {**VECTORS["binding"]}
    names.pop("mobile")
    for given in VECTORS["recipients"]:
        where = {given["kind"]: given["given"]}
        if given["sent_to"] is None:
            with pytest.raises(ValueError, match=f"^{given['kind']} "):
                binding_of(names, **where)
            continue
        issued = maker.issue(otp.MemoryStore(), binding_of(names, **where))
        assert isinstance(issued, otp.Issued) and issued.recipient == given["sent_to"]


def test_typed_codes_are_judged_as_the_file_says() -> None:
    maker, to = engine_of_vectors(), binding_of(VECTORS["binding"])
    no_text = 0
    for challenge in VECTORS["challenges"]:
        for typed in challenge["typed"]:
            try:
                text = bytes.fromhex(typed["typed"]).decode()
            except UnicodeDecodeError:
                no_text += 1  # what is typed is text here
                continue
            store = store_of(challenge["cells"])
            verdict = maker.verify(store, to, text, challenge_id=challenge["challenge_id"])
            assert verdict.rejection == typed["rejection"], typed["what"]
            assert verdict.accepted == (typed["rejection"] is None)
    assert no_text == 1


def test_case_22_a_golden_cell_with_one_changed_bit_is_tampered() -> None:
    maker, to = engine_of_vectors(), binding_of(VECTORS["binding"])
    challenge = VECTORS["challenges"][0]
    for changed in range(len(challenge["cells"])):
        cells = [dict(cell) for cell in challenge["cells"]]
        body = bytearray.fromhex(cells[changed]["body"])
        body[-1] ^= 1
        cells[changed]["body"] = body.hex()
        with pytest.raises(otp.TamperedError):
            maker.verify(store_of(cells), to, challenge["code"])


def test_case_93_a_store_of_format_1_is_read() -> None:
    maker, to = engine_of_vectors(), binding_of(VECTORS["binding"])
    found = maker.signatures(store_of(STORED["cells"]), to.tenant, to.target)
    jwks = otp.SigningKey.from_seed(bytes([21]) * 32).public_jwks
    assert [record.sequence for record in found] == [3, 2, 1]
    assert otp.verify_chain(found, jwks)
