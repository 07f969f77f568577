"""Embeddable, no-network engine for one-time codes: issue, verify exactly once, on any store.

Wrong codes, refusals and expiries are values; exceptions are faults and misuse.
"""

from ._lib import lib as _lib
from .binding import Binding, Target
from .cell import Cell, Write
from .challenge import (
    ClaimRefusal,
    EvidenceFault,
    Failure,
    Issued,
    Refusal,
    ReportOutcome,
    Status,
    Submission,
    Verdict,
)
from .devices import Device, OathVerdict
from .engine import Engine
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
from .event import Event
from .evidence import Evidence
from .findings import Finding, Odds, recipient_findings
from .keys import KeyRing, SigningKey
from .message import Message, MessageTemplate
from .mobile import parse_mobile
from .oath import Hotp, Matched, Ocra, OcraMatch, RawSecret, Totp
from .otpauth import Credential, build_uri, parse_uri
from .per_process import PerProcess
from .policy import Policy, RateLimits
from .records import (
    ChainHead,
    ChainVerdict,
    Expected,
    RecordVerdict,
    SignatureRecord,
    verify_chain,
    verify_record,
)
from .store import HostStore, MemoryStore, SqliteStore, Store, StoreCheck, StoreReport

__version__: str = _lib.otp_version().decode()

__all__ = [
    "Binding", "Cell", "ChainHead", "ChainVerdict", "ClaimRefusal", "ClockAheadError", "ClockError",
    "ContendedError", "Credential", "Device", "Engine", "Event", "Evidence", "EvidenceFault",
    "Expected", "Failure", "Finding", "ForeignStoreError", "ForkedError", "FullError", "HostStore",
    "Hotp", "Issued", "KeyRing", "KeyRingError", "Matched", "MemoryStore", "Message",
    "MessageTemplate", "NoCanaryError", "OathVerdict", "Ocra", "OcraMatch", "Odds", "OtpError",
    "PanicError", "PerProcess", "Policy", "RandomnessError", "RateLimits", "RawSecret",
    "RecordVerdict", "ReenteredError", "Refusal", "ReportOutcome", "SignatureRecord", "SigningKey",
    "SqliteStore", "Status", "Store", "StoreCheck", "StoreError", "StoreReport", "Submission",
    "TamperedError", "Target", "Totp", "UnavailableError", "UnsupportedError", "Verdict", "Write",
    "build_uri", "parse_mobile", "parse_uri", "recipient_findings", "verify_chain", "verify_record",
]  # fmt: skip
