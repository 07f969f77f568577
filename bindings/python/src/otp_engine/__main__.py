"""`python -m otp_engine`: the main job as a demo, a self-test, and a verifier of records."""

import argparse
import json
import secrets
import sys
import time
from pathlib import Path

import otp_engine as otp


def _parts() -> tuple[otp.Engine, otp.MemoryStore, otp.Binding, otp.SigningKey, list[float]]:
    now = [time.time()]
    signing_key = otp.SigningKey.from_seed(secrets.token_bytes(32))
    keys = otp.KeyRing({"demo": secrets.token_bytes(32)}, index=secrets.token_bytes(32))
    engine = otp.Engine(keys, signing_key=signing_key, clock=lambda: now[0])
    binding = otp.Binding(
        tenant="example",
        purpose="sign",
        target=otp.Target("loan.application", "client_schedule_esms_otp_signature_ids", "15"),
        user="7",
        mobile="60123456789",
    )
    store = otp.MemoryStore(keep_records=True)
    engine.check_store(store)
    return engine, store, binding, signing_key, now


def demo() -> int:
    """Play a signing: wrong code, resend, right code, replay, record verified."""
    engine, store, binding, signing_key, now = _parts()
    first = engine.issue(store, binding)
    assert isinstance(first, otp.Issued)
    print(f"1. SMS: your code is {first.code}; it is valid until {first.expires_at:%H:%M:%S} UTC")
    wrong = "000000" if first.code != "000000" else "000001"
    print(f"2. {wrong}: {engine.verify(store, binding, wrong)}")
    print(f"3. asked again at once: {engine.issue(store, binding)}")
    now[0] += 60
    again = engine.issue(store, binding)
    assert isinstance(again, otp.Issued)
    print(f"4. a minute later: send {again.send}, the same code: {again.code == first.code}")
    entered = f"{again.code[:3]} {again.code[3:]}"
    accepted = engine.verify(store, binding, entered, evidence=otp.Evidence(signer_name="Siti"))
    print(f"5. {entered}: {accepted}")
    replay = engine.verify(store, binding, again.code)
    print(f"6. once more: {replay}")
    assert accepted.record is not None
    verified = otp.verify_record(accepted.record, signing_key.public_jwks)
    print(f"7. the record verifies: {bool(verified)}")
    return 0 if accepted and not replay and verified else 1


def self_test() -> int:
    """Run the store suite on memory, and a signing."""
    report = otp.MemoryStore(keep_records=True).check()
    print(report.text)
    return demo() if report else 1


def verify(records: Path, jwks: Path) -> int:
    """Verify the records of a file, one a line."""
    try:
        lines = [line for line in _text(records).splitlines() if line.strip()]
        keys = _keys(jwks)
        verdicts = [otp.verify_record(line, keys) for line in lines]
    except (OSError, ValueError, otp.OtpError) as error:
        print(f"otp_engine: {error}", file=sys.stderr)
        return 2
    if not lines:
        print(f"otp_engine: {records} holds no record", file=sys.stderr)
        return 2
    for at, verdict in enumerate(verdicts, 1):
        print(f"{at}: {'valid ' + json.dumps(verdict.payload) if verdict else verdict.reason}")
    return 0 if all(verdicts) else 1


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None


def _keys(path: Path) -> str:
    """Read a JWK set; what is wrong with it is said of its file."""
    keys = _text(path)
    try:
        json.loads(keys)
    except (ValueError, RecursionError):
        raise ValueError(f"{path} is not JSON: a JWK set is expected there") from None
    try:
        otp.verify_record("", keys)
    except (ValueError, otp.OtpError) as error:
        raise ValueError(f"{path}: {error}") from None
    return keys


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m otp_engine", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("demo", help="play a signing on memory")
    commands.add_parser("version", help="print the version of the library")
    commands.add_parser("self-test", help="check that the library works here")
    checking = commands.add_parser("verify", help="verify a file of signature records")
    checking.add_argument("records", type=Path, help="records, one a line")
    checking.add_argument("jwks", type=Path, help="the public keys, a JWK set")
    options = parser.parse_args()
    if options.command == "demo":
        return demo()
    if options.command == "version":
        print(otp.__version__)
        return 0
    if options.command == "self-test":
        return self_test()
    return verify(options.records, options.jwks)


if __name__ == "__main__":
    sys.exit(main())
