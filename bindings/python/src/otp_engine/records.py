"""Signature records, verified with public keys alone: no engine and no store."""

import ctypes
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from . import _bindings as c
from ._checks import instance, several, text, whole
from ._handle import out_pointer
from ._lib import lib, take_bytes, view
from .answers import SignatureRecord
from .errors import check


@dataclass(frozen=True, slots=True)
class Expected:
    """What a verifier expects; what is None is not checked.

    ``page`` is of a chain alone, and what ``Engine.page`` returns: how many records there are, and
    the newest's digest. Of a chain, ``model``, ``field`` and ``record`` are the field together.
    """

    tenant: str | None = None
    model: str | None = None
    field: str | None = None
    record: str | None = None
    page: tuple[int, bytes | None] | None = None

    def _views(self) -> tuple[c.otp_expected, list[object]]:
        made = c.otp_expected(struct_size=ctypes.sizeof(c.otp_expected))
        kept: list[object] = []
        for name, of, member in (
            ("tenant", made, "tenant"), ("model", made.target, "model"),
            ("field", made.target, "field"), ("record", made.target, "id"),
        ):  # fmt: skip
            value = getattr(self, name)
            given = None if value is None else text(value, name)
            kept.append(given)
            setattr(of, member, view(given))
        if self.page is not None:
            if not isinstance(self.page, (tuple, list)) or len(self.page) != 2:
                raise TypeError("page must be what Engine.page returns: a count and a digest")
            count, digest = self.page
            head = c.otp_chain_head(struct_size=ctypes.sizeof(c.otp_chain_head))
            head.count, head.has_digest = whole(count, "page[0]"), int(digest is not None)
            if digest is not None and (not isinstance(digest, bytes) or len(digest) != 32):
                raise ValueError("page[1] must be 32 bytes, a SHA-256 digest, or None")
            at = ctypes.addressof(head) + c.otp_chain_head.digest.offset
            ctypes.memmove(at, digest or bytes(32), 32)
            made.chain_head = ctypes.addressof(head)
            kept.append(head)
        return made, kept


@dataclass(frozen=True, slots=True)
class RecordVerdict:
    """Whether a record holds; true only if it does. ``payload`` is what was signed."""

    valid: bool
    payload: dict[str, Any] | None
    reason: str | None

    def __bool__(self) -> bool:
        return self.valid


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """Whether the records of a field hold together; true only if nothing that was checked is bad.

    ``answers`` maps signatures, tenant, field, chain and head to "good", "not checked" or
    "bad: reason". Not checked is what was not compared: a field of which a part is expected, a page
    without its digest, an empty chain.
    """

    valid: bool
    answers: dict[str, str]

    @property
    def all_good(self) -> bool:
        """Whether every question was asked in full, and answered well."""
        return bool(self.answers) and set(self.answers.values()) == {"good"}

    def __bool__(self) -> bool:
        return self.valid


def verify_record(
    jws: "str | SignatureRecord",
    jwks: str,
    disclosures: Iterable[str] = (),
    expected: Expected | None = None,
) -> RecordVerdict:
    """Verify one record with a JWK set; ``jws`` may be a record or its SD-JWT text too.

    White space behind the texts is left out. ``expected`` may not have a page: ``ValueError``.
    """
    line, told = _line(jws, "jws"), several(disclosures, "disclosures")
    if "~" in line and told:
        raise ValueError("disclosures are given, and the record has its own; give them once")
    if "~" not in line:
        for disclosure in told:
            text(disclosure, "disclosures")
        line = "~".join((*(one.rstrip() for one in (line, *told)), ""))
    valid, said = _ask(lib.otp_verify_record, line, jwks, expected)
    if valid:
        return RecordVerdict(True, json.loads(said), None)
    return RecordVerdict(False, None, said)


def verify_chain(
    records: "Iterable[SignatureRecord | str]",
    jwks: str,
    expected: Expected | None = None,
) -> ChainVerdict:
    """Verify the records of a field, newest first."""
    lines = [_line(record, "records") for record in several(records, "records")]
    valid, said = _ask(lib.otp_verify_chain, "\n".join(lines), jwks, expected)
    answers = dict(line.split("\t", 1) for line in said.splitlines())
    return ChainVerdict(valid, {name: said.replace("\t", ": ") for name, said in answers.items()})


def _line(record: "SignatureRecord | str", name: str) -> str:
    if isinstance(record, SignatureRecord):
        return record.sd_jwt
    instance(record, str, name)
    return record


def _ask(
    function: "ctypes._NamedFuncPointer", records: str, jwks: str, expected: Expected | None
) -> tuple[bool, str]:
    wanted = Expected() if expected is None else expected
    instance(wanted, Expected, "expected")
    given, kept = wanted._views()
    line, keys = text(records, "records"), text(jwks, "jwks")
    valid, out = ctypes.c_int32(), out_pointer()
    check(
        function(
            view(line), view(keys), ctypes.byref(given), ctypes.byref(valid), ctypes.byref(out)
        )
    )
    del kept
    return valid.value == 1, take_bytes(out.value).decode()
