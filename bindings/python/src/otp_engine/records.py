"""Signature records: verified with public keys alone, without an engine and a store."""

import base64
import ctypes
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from . import _bindings as c
from ._checks import identifier, instance, several, text, whole
from ._lib import lib, point, sized, view
from ._result import Result, text_of, told


class SignatureRecord(Result):
    """The evidence that a code was answered; its repr shows no personal detail."""

    __slots__ = ()
    _shown = ("id", "sequence")

    @classmethod
    def _read(cls, line: str) -> "SignatureRecord":
        jws, *disclosures = line.rstrip("~").split("~")
        body = jws.split(".")[1]
        payload = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return cls((jws, tuple(disclosures), payload["jti"], payload["n"]))

    jws: str = told(0, "The record itself, signed.")
    disclosures: tuple[str, ...] = told(1, "The details that can be erased, as they are disclosed.")
    id: str = told(2, "Its 22 characters.")
    sequence: int = told(3, "Its place among those of its target, from 1.")

    @property
    def sd_jwt(self) -> str:
        """The record as one text: JWS and disclosures with tildes behind them (RFC 9901)."""
        return "~".join((self.jws, *self.disclosures, ""))


@dataclass(frozen=True, slots=True)
class ChainHead:
    """How many signature records a target has, and the SHA-256 digest of the newest JWS.

    ``digest`` is None where there is no record, or where it is not known: it is not compared then.
    """

    count: int
    digest: bytes | None

    def _structure(self) -> c.otp_chain_head:
        digest = self.digest
        if digest is not None and (not isinstance(digest, bytes) or len(digest) != 32):
            raise ValueError("chain_head.digest must be 32 bytes, a SHA-256 digest, or None")
        made = sized(
            c.otp_chain_head,
            count=whole(self.count, "chain_head.count"),
            has_digest=int(digest is not None),
        )
        # Not as a member, which would end at its first zero byte.
        ctypes.memmove(ctypes.addressof(made) + _DIGEST, digest or bytes(32), 32)
        return made

    @classmethod
    def _read(cls, head: c.otp_chain_head) -> "ChainHead":
        digest = ctypes.string_at(ctypes.addressof(head) + _DIGEST, 32)
        return cls(head.count, digest if head.has_digest else None)


_DIGEST: int = c.otp_chain_head.digest.offset


@dataclass(frozen=True, slots=True)
class Expected:
    """What a verifier expects; what is None is not checked.

    ``model``, ``field`` and ``target_id`` are those of the target; of a chain they are compared
    together. ``chain_head`` is of a chain alone: what ``Engine.chain_head`` returned.
    """

    tenant: str | None = None
    model: str | None = None
    field: str | None = None
    target_id: str | int | None = None
    chain_head: ChainHead | None = None

    def _structure(self) -> c.otp_expected:
        made = sized(c.otp_expected)
        for name, of, member in (
            ("tenant", made, "tenant"), ("model", made.target, "model"),
            ("field", made.target, "field"), ("target_id", made.target, "id"),
        ):  # fmt: skip
            value = getattr(self, name)
            if name == "target_id":
                value = identifier(value, name)
            setattr(of, member, view(None if value is None else text(value, name)))
        if self.chain_head is not None:
            instance(self.chain_head, ChainHead, "chain_head")
            point(made, chain_head=self.chain_head._structure())
        return made


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
    """Whether the records of a target hold together; true only if nothing that was checked is bad.

    ``answers`` maps signatures, tenant, field, chain and head to "good", "not checked" or
    "bad: reason". Not checked is what was not compared: a target of which a part is expected, a
    chain head without its digest, an empty chain.
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

    White space behind the texts is left out. ``expected`` may not have a chain head:
    ``ValueError``.
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
    """Verify the records of a target, newest first."""
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
    given, valid = wanted._structure(), ctypes.c_int32()
    line, keys = view(text(records, "records")), view(text(jwks, "jwks"))
    told = text_of(function, line, keys, ctypes.byref(given), ctypes.byref(valid))
    return valid.value == 1, told
