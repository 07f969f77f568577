"""Reads what a signature record says, by its documented format.

Verifies nothing.
"""

import base64
import json
from collections.abc import Iterable
from typing import Any


def payload(jws: str) -> dict[str, Any]:
    """Return the statement that a JWS carries."""
    read: dict[str, Any] = json.loads(_decoded(jws.split(".")[1]))
    return read


def header(jws: str) -> dict[str, Any]:
    """Return what a JWS says of its own signature."""
    read: dict[str, Any] = json.loads(_decoded(jws.split(".")[0]))
    return read


def details(disclosures: Iterable[str]) -> dict[str, str]:
    """Return the personal details that are disclosed beside a JWS, by their names."""
    return dict(json.loads(_decoded(disclosure))[1:] for disclosure in disclosures)


def content_digest(jws: str, disclosures: Iterable[str]) -> bytes | None:
    """Return the digest of what was approved: in the statement, or beside it if guessable."""
    digest = payload(jws).get("doc", {}).get("dig") or details(disclosures).get("dig")
    return _decoded(digest) if digest else None


def image_digest(jws: str) -> bytes | None:
    """Return the digest of the captured signature, if there is one."""
    image = payload(jws).get("img")
    return _decoded(image["dig"]) if image else None


def stored(body: bytes) -> tuple[str, tuple[str, ...]]:
    """Take a record's cell apart: a byte of format, JWS and disclosures, a line per erasure."""
    if body[:1] != b"\x01":
        raise ValueError("the record is of a format that this version does not know")
    jws, *disclosures = body[1:].decode().split("\n")[0].rstrip("~").split("~")
    return jws, tuple(disclosures)


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
