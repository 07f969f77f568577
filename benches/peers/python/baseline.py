"""One-time codes in pure Python: what the package is compared with."""

import hashlib
import hmac
import secrets
import time
from typing import Any

INDEX, CODES = secrets.token_bytes(32), secrets.token_bytes(32)
Members = tuple[str, str, str, str, str, str, str]


def members(at: int) -> Members:
    """Return what a code is bound to: tenant to user, and the number."""
    return (
        "acme", "sign", "loan.application", "client_schedule_esms_otp_signature_ids", str(at), "7",
        "60123456789",
    )  # fmt: skip


def _packed(parts: tuple[str, ...]) -> bytes:
    return b"".join(len(part).to_bytes(2, "big") + part.encode() for part in parts)


class EqualWork:
    """The engine's decision in Python: slot, digest and code derived as it does.

    It is spared the engine's meters, locks and stores.
    """

    def __init__(self) -> None:
        self.cells: dict[bytes, list[Any]] = {}

    def _derived(self, challenge: bytes, digest: bytes) -> str:
        made = hmac.digest(CODES, challenge + digest, "sha256")
        return f"{int.from_bytes(made[:8], 'big') % 10**6:06}"

    def issue(self, binding: Members) -> tuple[str, str, float, float]:
        """Make a code."""
        slot = hmac.digest(INDEX, _packed(binding[:6]), "sha256")
        digest = hashlib.sha256(_packed(binding)).digest()
        challenge, now = secrets.token_bytes(16), time.time()
        self.cells[slot] = [challenge, digest, now + 180, 0, False]
        return challenge.hex(), self._derived(challenge, digest), now, now + 180

    def verify(self, binding: Members, typed: str) -> bool:
        """Judge what was typed."""
        slot = hmac.digest(INDEX, _packed(binding[:6]), "sha256")
        digest = hashlib.sha256(_packed(binding)).digest()
        cell = self.cells.get(slot)
        if cell is None or cell[4] or cell[3] >= 5 or time.time() >= cell[2]:
            return False
        expected = self._derived(cell[0], digest)
        if not hmac.compare_digest(expected.encode(), typed.encode()):
            cell[3] += 1
            return False
        cell[4] = True
        return True


class Plain:
    """What is often written: a dict, and one HMAC so that no code lies in it."""

    def __init__(self) -> None:
        self.cells: dict[Members, list[Any]] = {}

    def issue(self, binding: Members) -> tuple[str, str]:
        """Make a code."""
        challenge, code = secrets.token_hex(16), f"{secrets.randbelow(10**6):06}"
        mac = hmac.digest(CODES, (challenge + code).encode(), "sha256")
        self.cells[binding] = [challenge, mac, time.time() + 180, 0]
        return challenge, code

    def verify(self, binding: Members, typed: str) -> bool:
        """Judge what was typed."""
        cell = self.cells.get(binding)
        if cell is None or cell[3] >= 5 or time.time() >= cell[2]:
            return False
        mac = hmac.digest(CODES, (cell[0] + typed).encode(), "sha256")
        if not hmac.compare_digest(mac, cell[1]):
            cell[3] += 1
            return False
        del self.cells[binding]
        return True
