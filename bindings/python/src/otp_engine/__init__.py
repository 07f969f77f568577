"""Embeddable, no-network engine for one-time codes: issue, verify exactly once, on any store.

Wrong codes, refusals and expiries are values; exceptions are faults and misuse.
"""

from ._lib import lib as _lib
from .answers import (
    Failure,
    Issued,
    Refusal,
    SignatureRecord,
    Status,
    StoreReport,
    Verdict,
)
from .cells import Cell, Event, Write
from .engine import Engine, Finding, Odds, recipient_findings
from .errors import (
    ClockAheadError,
    ClockError,
    ContendedError,
    ForeignStoreError,
    ForkedError,
    FullError,
    KeyRingError,
    NoCanaryError,
    OtpError,
    PanicError,
    RandomnessError,
    ReenteredError,
    StoreError,
    TamperedError,
    UnavailableError,
    UnsupportedError,
)
from .factor import Device
from .message import Message, MessageTemplate
from .mobile import parse_mobile
from .oath import (
    Credential,
    Hotp,
    Matched,
    OathVerdict,
    Ocra,
    OcraMatch,
    RawSecret,
    Totp,
    build_uri,
    parse_uri,
)
from .records import ChainVerdict, Expected, RecordVerdict, verify_chain, verify_record
from .store import HostStore, MemoryStore, SqliteStore, Store
from .words import (
    Binding,
    Budgets,
    Evidence,
    KeyRing,
    Policy,
    SigningKey,
)

__version__: str = _lib.otp_version().decode()

__all__ = [
    "Binding", "Budgets", "Cell", "ChainVerdict", "ClockAheadError", "ClockError", "ContendedError",
    "Credential", "Device", "Engine", "Event", "Evidence", "Expected", "Failure", "Finding",
    "ForeignStoreError", "ForkedError", "FullError", "HostStore", "Hotp", "Issued", "KeyRing",
    "KeyRingError", "Matched", "MemoryStore", "Message", "MessageTemplate", "NoCanaryError",
    "OathVerdict", "Ocra", "OcraMatch", "Odds", "OtpError", "PanicError", "Policy",
    "RandomnessError", "RawSecret", "RecordVerdict", "ReenteredError", "Refusal", "SignatureRecord",
    "SigningKey", "SqliteStore", "Status", "Store", "StoreError", "StoreReport", "TamperedError",
    "Totp", "UnavailableError", "UnsupportedError", "Verdict", "Write", "build_uri", "parse_mobile",
    "parse_uri", "recipient_findings", "verify_chain", "verify_record",
]  # fmt: skip
