"""Signature records, verified with public keys alone: no engine and no store."""

import ctypes
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from . import _bindings as c
from ._handle import out_pointer
from ._lib import lib, take_bytes, view
from .answers import SignatureRecord
from .errors import check
from .words import text


@dataclass(frozen=True, slots=True)
class Expected:
    """What a verifier expects; what is None is not checked.

    ``page`` is what ``Engine.page`` returns: how many records there are, and the newest's digest.
    """

    tenant: str | None = None
    model: str | None = None
    field: str | None = None
    record: str | None = None
    page: tuple[int, bytes | None] | None = None

    def _views(self) -> tuple[c.otp_expected, list[bytes | None]]:
        made = c.otp_expected(struct_size=ctypes.sizeof(c.otp_expected))
        kept: list[bytes | None] = []
        for name in ("tenant", "model", "field", "record"):
            value = getattr(self, name)
            kept.append(None if value is None else text(value, name))
            setattr(made, name, view(kept[-1]))
        if self.page is not None:
            made.count, head = self.page
            kept.append(head)
            made.head, made.has_page = view(head), 1
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
    "bad: reason".
    """

    valid: bool
    answers: dict[str, str]

    def __bool__(self) -> bool:
        return self.valid


def verify_record(
    jws: "str | SignatureRecord",
    jwks: str,
    disclosures: Iterable[str] = (),
    expected: Expected | None = None,
) -> RecordVerdict:
    """Verify one record with a JWK set; ``jws`` may be a record or its SD-JWT text too."""
    if isinstance(jws, SignatureRecord):
        line = jws.sd_jwt
    elif "~" in jws:
        line = jws
    else:
        line = "~".join((jws, *disclosures, ""))
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
    lines = [r.sd_jwt if isinstance(r, SignatureRecord) else r for r in records]
    valid, said = _ask(lib.otp_verify_chain, "\n".join(lines), jwks, expected)
    answers = dict(line.split("\t", 1) for line in said.splitlines())
    return ChainVerdict(valid, {name: said.replace("\t", ": ") for name, said in answers.items()})


def _ask(
    function: "ctypes._NamedFuncPointer", records: str, jwks: str, expected: Expected | None
) -> tuple[bool, str]:
    given, kept = (expected or Expected())._views()
    line, keys = text(records, "records"), text(jwks, "jwks")
    valid, out = ctypes.c_int32(), out_pointer()
    check(
        function(
            view(line), view(keys), ctypes.byref(given), ctypes.byref(valid), ctypes.byref(out)
        )
    )
    del kept
    return valid.value == 1, take_bytes(out.value).decode()
