"""What arguments must be: anything else is refused by name, before the library sees it.

ctypes keeps the low bits of an integer that is too large, and has errors of its own for what is
none: nothing crosses that was not looked at here.
"""

import math
from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

_Item = TypeVar("_Item")
U64 = 2**64 - 1


def text(value: object, name: str) -> bytes:
    """Encode a text; anything but str is a TypeError that names the argument."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be str, not {type(value).__name__}")
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} holds a lone surrogate") from None


def identifier(value: object, name: str) -> object:
    """Write the number of a user or a record as its decimal text; leave the rest to be judged."""
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    if value.bit_length() > _WRITABLE:
        raise ValueError(f"{name} is more than 600 bytes; it must be 1 to 128 bytes")
    return int.__repr__(value)  # of an enum too


# Bits: Python itself refuses to write more digits than a process sets, at least 640.
_WRITABLE = 2000


def shown(value: object) -> str:
    """Write a number that is refused, whatever its size."""
    if not isinstance(value, int):
        return f"{value}"
    if value.bit_length() > _WRITABLE:
        return f"{'-' if value < 0 else ''}(a number of more than 600 digits)"
    return int.__repr__(value)  # of an enum too


def entered(code: object, name: str = "code") -> bytes:
    """Encode what a person entered: bounded first; a lone surrogate is no error."""
    if not isinstance(code, str):
        raise TypeError(f"{name} must be str, not {type(code).__name__}")
    return code[:257].encode("utf-8", "surrogatepass")


def client_text(value: object, name: str) -> bytes:
    """Encode a text that a client sent: what is no text is unfit, and no error of the host's."""
    if isinstance(value, str) and any("\ud800" <= symbol <= "\udfff" for symbol in value):
        return b"\0"
    return text(value, name)


def whole(value: object, name: str, least: int = 0, most: int = U64, unit: str = "") -> int:
    """Take an integer within its bounds; an error shows the unit behind each number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be int, not {type(value).__name__}")
    if not least <= value <= most:
        raise ValueError(f"{name} is {shown(value)}{unit}; it must be {least} to {most}{unit}")
    return value


def flag(value: object, name: str) -> int:
    """Take True or False, as the library does."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be bool, not {type(value).__name__}")
    return int(value)


def several(values: Iterable[_Item], name: str, most: int = U64) -> list[_Item]:
    """List what is in a collection; one text alone would be taken for its letters."""
    if isinstance(values, (str, bytes)):
        raise TypeError(f"{name} must be a list, not one {type(values).__name__}")
    if not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a list, not {type(values).__name__}")
    listed = list(values)
    if len(listed) > most:
        raise ValueError(f"{name} has {len(listed)} items; it must have at most {most}")
    return listed


def seconds(instant: object, name: str) -> int:
    """Take a datetime with a time zone, or whole unix seconds."""
    if isinstance(instant, datetime):
        if instant.utcoffset() is None:  # Python would take it for local time
            raise ValueError(f"{name} is a datetime without a time zone")
        return math.floor(instant.timestamp())
    if not isinstance(instant, int) or isinstance(instant, bool):
        kind = type(instant).__name__
        raise TypeError(f"{name} must be a datetime or int of unix seconds, not {kind}")
    return _in_64_bits(instant, name)


_LONGEST = (2**31 - 1) // 1000
"""Seconds: PostgreSQL takes no more milliseconds."""


def timeout(value: object, name: str) -> float:
    """Take how many seconds something may take: more than none, and an end."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number of seconds, not {type(value).__name__}")
    if not 0 < value <= _LONGEST:
        raise ValueError(
            f"{name} is {shown(value)}; it must be more than 0 seconds, at most {_LONGEST}"
        )
    return value


def clock_seconds(instant: object, name: str) -> int:
    """Take unix seconds as clocks tell them, with or without a fraction."""
    if not isinstance(instant, (int, float)) or isinstance(instant, bool):
        raise TypeError(f"{name} must be a number of unix seconds, not {type(instant).__name__}")
    if isinstance(instant, float) and not math.isfinite(instant):
        raise ValueError(f"{name} is {instant}; it must fit into 64 bits")
    return _in_64_bits(math.floor(instant), name)


def _in_64_bits(instant: int, name: str) -> int:
    # Not by a range: where an integer is a subclass's, that looks at its numbers one by one.
    if not -(2**63) <= instant < 2**63:
        raise ValueError(f"{name} is {shown(instant)}; it must fit into 64 bits")
    return instant


def instance(value: object, kind: type, name: str) -> None:
    """Refuse an object of another kind."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {kind.__name__}, not {type(value).__name__}")


def never_set_up(thing: object) -> TypeError:
    """Say of an object that its constructor never ran."""
    name = type(thing).__name__
    return TypeError(f"this {name} was never set up: its __init__ must call super().__init__()")
