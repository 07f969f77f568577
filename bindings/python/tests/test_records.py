"""Signature records: what evidence they take, and what is said of them afterwards."""

import base64
import dataclasses
import hashlib
import json
import pathlib
import subprocess
import sys

import pytest
from support import REPOSITORY, START, Clock, binding, engine, issue, signer, wrong

import otp_engine as otp

TARGET = otp.Target("loan.application", "signature", "15")
FIELD = ("acme", TARGET.model, TARGET.field, TARGET.id)
IMAGES = REPOSITORY / "tests/vectors/images"
PNG = (IMAGES / "sound/drawn.png").read_bytes()


def signed() -> tuple[otp.Engine, otp.MemoryStore, otp.Verdict]:
    maker, store = engine(signing_key=signer()), otp.MemoryStore(keep_records=True)
    evidence = otp.Evidence(signer_name="Siti binti Ali", image=PNG, ip="192.0.2.1")
    code = issue(maker, store, binding()).code
    return maker, store, maker.verify(store, binding(), code, evidence=evidence)


def test_case_177_what_was_not_compared_is_not_checked() -> None:
    maker, store, verdict = signed()
    assert verdict.record is not None
    records, jwks = maker.signatures(store, "acme", TARGET), signer().public_jwks
    head = maker.chain_head(store, "acme", TARGET)
    whole = otp.verify_chain(records, jwks, otp.Expected(*FIELD, head))
    assert whole and whole.all_good
    for expected, unchecked in (
        (otp.Expected("acme", "loan.application", chain_head=head), "field"),
        (otp.Expected("acme", field="signature", target_id="15", chain_head=head), "field"),
        (otp.Expected(*FIELD, otp.ChainHead(1, None)), "head"),
        (otp.Expected(*FIELD), "head"),
    ):
        held = otp.verify_chain(records, jwks, expected)
        assert held and not held.all_good and held.answers[unchecked] == "not checked"
    assert not otp.verify_chain(records, jwks, otp.Expected(model="other"))
    assert not otp.verify_chain(records, jwks, otp.Expected(*FIELD, otp.ChainHead(2, None)))
    empty = otp.verify_chain([], jwks, otp.Expected(*FIELD, otp.ChainHead(0, None)))
    assert not empty.all_good and set(empty.answers.values()) == {"not checked"}
    with pytest.raises(ValueError, match="chain_head"):
        otp.verify_record(verdict.record, jwks, expected=otp.Expected(*FIELD, head))


def test_case_179_white_space_behind_a_record_is_no_part_of_it() -> None:
    _, _, verdict = signed()
    assert verdict.record is not None
    jwks = signer().public_jwks
    for behind in ("\n", "\r\n", " \t\n"):
        assert otp.verify_record(verdict.record.sd_jwt + behind, jwks)
        assert otp.verify_record(verdict.record.jws + behind, jwks)
        lines = [disclosure + behind for disclosure in verdict.record.disclosures]
        assert otp.verify_record(verdict.record.jws + behind, jwks, lines)
        assert otp.verify_chain([verdict.record.sd_jwt + behind], jwks)


def test_case_178_what_a_jwk_set_says_beside_its_keys_is_passed_over() -> None:
    _, _, verdict = signed()
    assert verdict.record is not None
    (key,) = json.loads(signer().public_jwks)["keys"]
    for foreign in (None, 1.5, 1e30, True, [None, {"a": 0.1}], {"b": None}, "\ud800"):
        keys = [{"kty": foreign}, {"kty": "AKP", "pub": "AA"}, {"kty": "OKP", "crv": "Ed448"}]
        jwks = json.dumps({"issuer": foreign, "keys": [*keys, {**key, "x-other": foreign}]})
        assert otp.verify_record(verdict.record, jwks), foreign


def test_case_176_a_digest_that_can_be_guessed_stays_hidden() -> None:
    digest = hashlib.sha256(b"amount").digest()
    maker, store = engine(signing_key=signer()), otp.MemoryStore(keep_records=True)
    guessable = binding(content=digest, content_guessable=True)
    code = issue(maker, store, guessable).code
    record = maker.verify(store, binding(content=digest), code).record
    assert record is not None
    assert base64.urlsafe_b64encode(digest).decode().rstrip("=") not in payload(record)
    left = maker.erase(store, "acme", TARGET, 1, ["dig"])
    assert left is not None and len(left.disclosures) == len(record.disclosures) - 1


def payload(record: otp.SignatureRecord) -> str:
    """Return the text of what was signed."""
    part = record.jws.split(".")[1]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode()


@pytest.mark.parametrize("text", ["\u200b", "Siti\u202e", "\u2800", "Si\ufeffti", " "])
def test_case_175_evidence_shows_what_it_is(text: str) -> None:
    maker = engine(signing_key=signer())
    store, to = otp.MemoryStore(keep_records=True), binding()
    code = issue(maker, store, to).code
    for piece in ("signer_name", "user_name", "consent", "revision", "agent"):
        evidence = otp.Evidence(**{piece: text})
        fault = maker.verify(store, to, code, evidence=evidence).evidence_fault
        assert fault is not None and (fault.kind, fault.problem) == (piece, "unfit")
    for member in ("tenant", "purpose", "user"):
        with pytest.raises(ValueError, match=member):
            binding(**{member: text})
    for member in ("model", "field", "id"):
        with pytest.raises(ValueError, match=f"target.{member}"):
            binding(target=dataclasses.replace(to.target, **{member: text}))
    assert maker.verify(
        store,
        to,
        code,
        evidence=otp.Evidence(signer_name="\u0639\u0644\u06cc\u200c\u0631\u0636\u0627"),
    )


def test_case_172_an_image_is_one_that_decoders_open() -> None:
    maker = engine(signing_key=signer())
    store, to = otp.MemoryStore(keep_records=True), binding()
    code = issue(maker, store, to).code
    for image in (b"\xff\xd8\xff", PNG[:-12], PNG[:40], *map(read, IMAGES.glob("position/*"))):
        unfit = maker.verify(store, to, code, evidence=otp.Evidence(image=image))
        assert unfit.evidence_fault == otp.EvidenceFault("image", "unfit")
    for path in sorted(IMAGES.glob("sound/*")):
        clock = Clock()
        fresh, keeping = (
            engine(signing_key=signer(), clock=clock),
            otp.MemoryStore(keep_records=True),
        )
        evidence = otp.Evidence(image=read(path))
        assert fresh.verify(keeping, to, issue(fresh, keeping, to).code, evidence=evidence), path


def read(path: pathlib.Path) -> bytes:
    """Return the bytes of a file."""
    return path.read_bytes()


def test_case_170_a_page_that_is_gone_is_found_before_anything_is_compared(
    tmp_path: pathlib.Path,
) -> None:
    clock, path, to = Clock(), tmp_path / "cells.db", binding()
    maker, store = engine(signing_key=signer(), clock=clock), otp.SqliteStore(path)
    assert maker.verify(store, to, issue(maker, store, to).code)
    clock.now += 60
    code = issue(maker, store, to).code
    # Another process: a second library in this one would take the log away from the store.
    # Format, count and digest, and the seal; records alone live as long.
    page = "discard_after IS NULL AND length(body) = 57"
    meddle = f"""import sqlite3, sys
rows = sqlite3.connect(sys.argv[1])
assert rows.execute("DELETE FROM cell WHERE {page}").rowcount == 1
rows.commit()"""
    subprocess.run([sys.executable, "-c", meddle, str(path)], check=True)
    for typed in (code, wrong(code), "no code"):
        with pytest.raises(otp.TamperedError):
            maker.verify(store, to, typed)
    for ask in (maker.latest_signature, maker.signatures, maker.chain_head):
        with pytest.raises(otp.TamperedError):
            ask(store, "acme", TARGET)


SECRET = b"12345678901234567890"


def test_case_614_a_code_of_each_device_leaves_a_record_with_its_evidence() -> None:
    maker, store = engine(signing_key=signer()), otp.MemoryStore(keep_records=True)
    hotp, totp = otp.Hotp(SECRET), otp.Totp(SECRET)
    ocra = otp.Ocra("OCRA-1:HOTP-SHA256-8:C-QH16", SECRET)
    to, evidence = binding(), otp.Evidence(signer_name="Siti binti Ali", image=PNG)
    question = maker.ocra_question(to, ocra)
    answer = ocra.generate(question=question, counter=0)
    again = otp.Device(hotp)
    for judged, kind in (
        (maker.verify_hotp(store, to, hotp, hotp.generate(2), evidence=evidence), "hotp"),
        (maker.verify_totp(store, to, totp, totp.generate(START), evidence=evidence), "totp"),
        (maker.verify_ocra(store, to, ocra, answer, evidence=evidence), "ocra"),
        (maker.verify_devices(store, to, [again], hotp.generate(3), evidence=evidence), "hotp"),
        (
            maker.resynchronise_hotp(
                store, to, hotp, hotp.generate(20), hotp.generate(21), evidence=evidence
            ),
            "hotp",
        ),
    ):
        assert judged and judged.record is not None, judged
        said = json.loads(payload(judged.record))
        assert (said["v"], said["otp"]["chan"]) == (2, kind)
        assert said["who"].keys() == {"user", "_sd"} and "img" in said
        assert "sent" not in said["otp"] and len(judged.record.disclosures) == 1
        assert otp.verify_record(judged.record, signer().public_jwks)
    records = maker.signatures(store, "acme", TARGET)
    assert [record.sequence for record in records] == [5, 4, 3, 2, 1]
    head = maker.chain_head(store, "acme", TARGET)
    held = otp.verify_chain(records, signer().public_jwks, otp.Expected(*FIELD, head))
    assert held.all_good
    used = maker.verify_hotp(store, to, hotp, hotp.generate(21), evidence=evidence)
    assert used.rejection == "already_used" and used.record is None


def test_case_615_evidence_with_a_device_code_is_judged_before_any_store_is_asked() -> None:
    maker, store = engine(signing_key=signer()), otp.MemoryStore(keep_records=True)
    hotp, code = otp.Hotp(SECRET), otp.Hotp(SECRET).generate(0)
    for evidence, fault in (
        (otp.Evidence(image=b"<svg/>"), otp.EvidenceFault("image", "unfit")),
        (otp.Evidence(signer_name="x" * 257), otp.EvidenceFault("signer_name", "too_large")),
    ):
        judged = maker.verify_hotp(store, binding(), hotp, code, evidence=evidence)
        assert (judged.rejection, judged.public) == ("evidence", "evidence")
        assert judged.evidence_fault == fault and judged.record is None
    with pytest.raises(TypeError, match="evidence must be Evidence"):
        maker.verify_hotp(store, binding(), hotp, code, evidence="Siti")  # type: ignore[arg-type]
    with pytest.raises(otp.UnsupportedError):
        maker.verify_totp(otp.MemoryStore(), binding(), otp.Totp(SECRET), code)
    assert maker.verify_hotp(store, binding(), hotp, code)
