"""A program in Rust and one in Python on one server: each judges the codes of the other."""

import os
import pathlib
import subprocess

import pytest
import stores
from support import REPOSITORY, wrong

import otp_engine as otp

CRATES = {"psycopg": "postgres", "psycopg2": "postgres", "redis": "redis"}
BUILT = pathlib.Path(os.environ.get("OTP_RUST_EXAMPLES", REPOSITORY / "target/debug/examples"))


def desk(kind: str, address: str, *words: str) -> str:
    """Run the example of the Rust store."""
    program = BUILT / f"{CRATES[kind]}_desk"
    assert program.exists(), "cargo build the examples of the stores first, as the part python does"
    if kind == "redis":
        address = f"redis+unix://{address}"
    ended = subprocess.run([program, address, *words], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def of_desk(number: int) -> otp.Binding:
    """The binding with this number, as the desk has it."""
    return otp.Binding(
        tenant="acme",
        purpose="sign",
        target=otp.Target("loan.application", "client_signature", str(number)),
        user=f"user-{number}",
        mobile=f"6012345{number:04}",
    )


@pytest.mark.parametrize("kind", stores.KINDS)
def test_rust_and_python_judge_each_others_codes(kind: str) -> None:
    ring = otp.KeyRing({"2026a": bytes([1]) * 32}, index=bytes([2]) * 32)
    maker = otp.Engine(ring, rate_limits=otp.RateLimits(lock_ends_after=400 * 86_400))
    with stores.server(kind) as server, stores.opened(kind, server.address) as store:
        code = desk(kind, server.address, "issue", "1")
        assert maker.verify(store, of_desk(1), wrong(code)).attempts_left == 4
        assert desk(kind, server.address, "verify", "1", wrong(code)) == "rejected"
        assert maker.verify(store, of_desk(1), wrong(code)).attempts_left == 2
        assert maker.verify(store, of_desk(1), code)
        assert desk(kind, server.address, "verify", "1", code) == "rejected"

        issued = maker.issue(store, of_desk(2))
        assert isinstance(issued, otp.Issued)
        assert desk(kind, server.address, "verify", "2", wrong(issued.code)) == "rejected"
        assert desk(kind, server.address, "verify", "2", issued.code) == "accepted"
        assert maker.verify(store, of_desk(2), issued.code).rejection == "already_used"
