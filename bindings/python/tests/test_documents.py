"""The programs of README and guide run as they stand there."""

import re
import subprocess
import sys
import time

import pytest
from support import REPOSITORY

import otp_engine as otp

RUN = {  # and what each prints last
    "README.md": "signed",
    "docs/concepts.md": "dropped: reported",
    "docs/getting-started.md": "not accepted: invalid\nsigned",
    "docs/policies.md": "Odds(",
    "docs/signing.md": "the record holds",
}


def program(name: str) -> list[str]:
    """Return the command that runs the Python of a document."""
    text = (REPOSITORY / name).read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert blocks
    return [sys.executable, "-c", "\n".join(blocks)]


@pytest.mark.parametrize("name", RUN)
def test_the_program_of_a_document_runs(name: str) -> None:
    done = subprocess.run(program(name), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert RUN[name] in done.stdout


def test_the_program_of_device_codes_takes_the_codes_of_devices() -> None:
    totp = otp.Totp("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    ocra = otp.Ocra("OCRA-1:HOTP-SHA256-8:C-QH16", b"12345678901234567890123456789012")
    with subprocess.Popen(
        [sys.executable, "-u", *program("docs/device-codes.md")[1:]],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        assert running.stdin and running.stdout
        assert running.stdout.readline().startswith("otpauth://totp/ACME:ann")
        running.stdin.write(totp.generate(time.time()) + "\n")
        running.stdin.flush()
        assert running.stdout.readline() == "TOTP: accepted\n"
        question = running.stdout.readline().strip()
        answer = ocra.generate(question=question, counter=0)
        told, _ = running.communicate(answer + "\n", timeout=60)
        assert told == "OCRA: accepted\n"
    assert running.returncode == 0
