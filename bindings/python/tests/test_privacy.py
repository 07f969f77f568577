"""Nothing secret is in what is printed."""

from support import INDEX, SECRET, SEED, binding, engine, issue, key_ring, signer

import otp_engine as otp


def test_case_72_what_is_printed_shows_no_secret() -> None:
    maker, store, to = engine(signing_key=signer()), otp.MemoryStore(keep_records=True), binding()
    issued = issue(maker, store, to)
    evidence = otp.Evidence(
        signer_name="Siti binti Ali", image=b"\x89PNG", document=b"offer", consent="I agree",
        user_name="Siti", ip="192.0.2.1", agent="browser",
    )  # fmt: skip
    verdict = maker.verify(store, to, issued.code)
    assert verdict.record is not None
    cell = otp.Cell(1, None, b"opaque body")
    write = otp.Write(bytes(32), 1, 0, None, b"opaque body")
    things = [issued, evidence, verdict, verdict.record, key_ring(), signer(), to, maker, store]
    shown = " ".join(show(thing) for thing in [*things, cell, write] for show in (repr, str))
    hidden = [
        issued.code, issued.recipient, "Siti", "PNG", "offer", "agree", "192.0.2.1", "browser",
        "opaque", verdict.record.jws, *verdict.record.disclosures,
    ]  # fmt: skip
    for secret in (SECRET, INDEX, SEED):
        hidden += [repr(secret)[2:20], secret.hex(), secret.hex()[:16]]
    for secret_text in hidden:
        assert secret_text not in shown, secret_text
    assert issued.challenge_id in shown  # the control: what may be shown is


def test_case_73_no_code_and_no_number_is_in_a_fault() -> None:
    maker, store = engine(), otp.MemoryStore(max_cells=1)
    to = binding()
    try:
        maker.issue(store, to)
    except otp.StoreError as error:
        assert "60123456789" not in str(error) and "0123456" not in repr(error)
    else:
        raise AssertionError("a full store took a code")


def test_the_out_structure_holds_no_code_after_a_call() -> None:
    import ctypes

    from otp_engine import engine as module

    maker, store, to = engine(), otp.MemoryStore(), binding()
    code = issue(maker, store, to).code
    kept = module._issued_pool[-1][0]
    raw = ctypes.string_at(ctypes.addressof(kept), ctypes.sizeof(kept))
    assert code.encode() not in raw
    assert b"60123456789" in raw  # the control: this is what the call wrote
