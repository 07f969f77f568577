#!/usr/bin/env python3
"""Write calling_codes.rs: what the telephone numbers of each country may look like.

The facts are those of libphonenumber's metadata, read through the package `phonenumbers` (PyPI):
lengths of mobile numbers, what a leading 0 means, and which beginnings libphonenumber takes for
something to drop. Nothing of the metadata itself is copied.

    pip install phonenumbers==9.0.43
    cd crates/otp-recipient
    python3 src/calling_codes.py > src/calling_codes.rs

It takes some minutes on all cores: for each country it asks the library about every beginning of four
digits. Each country has dice of its own, so that the same package gives the same table.
"""

import multiprocessing
import random
import re
import sys
from collections.abc import Iterable, Iterator

import phonenumbers
from phonenumbers.phonemetadata import PhoneMetadata

DIGITS = "0123456789"
MOST = 15  # E.164


def read(text: str, region: str | None = None) -> str | None:
    """Return the digits that libphonenumber reads, country code first."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:]


def valid(digits: str) -> bool:
    return phonenumbers.is_valid_number(phonenumbers.parse("+" + digits))


def tail(dice: random.Random, length: int) -> str:
    return "".join(dice.choice(DIGITS) for _ in range(length))


class Country:
    """The facts of one calling code."""

    def __init__(self, code: int, regions: tuple[str, ...], dice: random.Random) -> None:
        self.code, self.regions, self.dice = code, regions, dice
        if regions[0] == "001":
            self.metadata = [PhoneMetadata.metadata_for_nongeo_region(code)]
        else:
            found = [PhoneMetadata.metadata_for_region(region) for region in regions]
            self.metadata = [each for each in found if each]
        self.lengths = self.lengths_of("mobile") or self.lengths_of("general_desc")
        self.zero_lengths = self.zero_led()
        self.lengths -= self.written_with_zero()
        self.double_zero = self.exits_by_double_zero()
        self.refused: set[str] = set()
        self.trunk = self.leading_zero()
        self.exits = self.other_exits() if self.trunk != "Refused" else []
        self.look_for_changed()
        self.bare = self.bare_beginnings()

    def lengths_of(self, kind: str) -> set[int]:
        lengths: set[int] = set()
        for each in self.metadata:
            found = getattr(each, kind)
            if found and found.possible_length != (-1,):
                lengths.update(found.possible_length)
        return {n for n in lengths if n + len(str(self.code)) <= MOST}

    def zero_led(self) -> set[int]:
        """Return the lengths of real numbers whose first digit behind the country code is 0."""
        lengths = set()
        for length in self.lengths | self.lengths_of("fixed_line"):
            for beginning in range(1000):
                if any(self.is_zero_led(f"0{beginning:03}", length) for _ in range(20)):
                    lengths.add(length)
                    break
        # Where there is a trunk 0 too, nobody can tell which it is.
        trunk = any(each.national_prefix == "0" for each in self.metadata)
        return set() if trunk or self.regions[0] == "001" else lengths

    def is_zero_led(self, beginning: str, length: int) -> bool:
        """Roll a number that begins so; tell whether it is a real one of a person or a household."""
        digits = f"{self.code}{beginning}" + tail(self.dice, length - len(beginning))
        if read("+" + digits) != digits or not valid(digits):
            return False
        # A few numbers of special services are no country's habit.
        return phonenumbers.number_type(phonenumbers.parse("+" + digits)) in (0, 1, 2)

    def written_with_zero(self) -> set[int]:
        """Return the lengths of numbers before which a 0 is written, as if it were theirs: Gabon.

        6 03 12 34 is written 06 03 12 34 there, and so is the number that begins with that 0.
        """
        patterns = [
            each.pattern
            for metadata in self.metadata
            for each in metadata.number_format
            if (each.national_prefix_formatting_rule or "").startswith("0")
        ]
        return {
            length - 1
            for length in self.zero_lengths
            if any(re.fullmatch(pattern, "0" * (length - 1)) for pattern in patterns)
        }

    def region(self) -> str | None:
        return None if self.regions[0] == "001" else self.regions[0]

    def exits_by_double_zero(self) -> bool:
        """Tell whether 00, and nothing longer that begins with it, dials out of the country."""
        for each in self.metadata:
            pattern = re.compile(each.international_prefix or "-")
            for more in range(100):
                match = pattern.match(f"00{more:02}")
                if match is None or match.group() != "00":
                    return False
        return True

    def leading_zero(self) -> str:
        if self.region() is None:
            return "Refused"
        if self.zero_lengths:
            return "Kept"
        return "Dropped" if all(m.national_prefix == "0" for m in self.metadata) else "Refused"

    def other_exits(self) -> list[str]:
        """Return what dials out of the country with one 0 in front: 010 in Japan."""
        found: set[str] = set()
        for each in self.metadata:
            pattern = re.compile(each.international_prefix or "-")
            for text in (f"0{n:03}" for n in range(100, 1000)):
                if match := pattern.match(text):
                    found.add(match.group())
        for short in {each[:3] for each in found}:
            if {short + digit for digit in DIGITS} <= found:
                found = {each for each in found if not each.startswith(short)} | {short}
        return sorted(found)

    def look_for_changed(self) -> None:
        """Find the beginnings of numbers that libphonenumber reads as another number."""
        for rest in self.samples():
            if read(f"+{self.code}{rest}") != f"{self.code}{rest}":
                self.refuse(rest)
        if self.trunk == "Refused":
            return
        for rest in self.samples():
            shown = "0" + rest if self.trunk == "Dropped" else rest
            if shown[0] != "0" or shown.startswith(("00", *self.exits)):
                continue
            if any(read(shown, each) != f"{self.code}{rest}" for each in self.regions):
                if self.is_real(self.shortest(rest)):
                    # Real numbers are read otherwise when they are written with a 0: none is.
                    self.trunk, self.exits = "Refused", []
                    return
                self.refuse(rest)

    def samples(self) -> Iterator[str]:
        """Yield a number of each length with each beginning of four digits."""
        for length in sorted(self.lengths | self.zero_lengths):
            for beginning in range(10_000):
                rest = (f"{beginning:04}" + tail(self.dice, max(length - 4, 0)))[:length]
                lengths = self.zero_lengths if rest[0] == "0" else self.lengths
                if length in lengths and not rest.startswith(tuple(self.refused)):
                    yield rest

    def shortest(self, rest: str) -> str:
        """Return the shortest beginning of a number that no real mobile number has."""
        return next((rest[:n] for n in range(1, 5) if not self.is_real(rest[:n])), rest[:4])

    def refuse(self, rest: str) -> None:
        beginning = self.shortest(rest)
        if self.is_real(beginning):
            sys.exit(f"{self.code}: real numbers begin with {beginning}, and are read otherwise")
        self.refused = {each for each in self.refused if not each.startswith(beginning)}
        self.refused.add(beginning)

    def is_real(self, beginning: str) -> bool:
        for length in self.lengths:
            for _ in range(200):
                rest = (beginning + tail(self.dice, length - len(beginning)))[:length]
                number = phonenumbers.parse(f"+{self.code}{rest}")
                if read(f"+{self.code}{rest}") != f"{self.code}{rest}":
                    continue
                if phonenumbers.number_type(number) in (1, 2):
                    return True
        return False

    def bare_beginnings(self) -> set[int]:
        """Return the first digits behind the country's code with which it is sure to be that code.

        A national number may look as if it began with the code: 391 is a mobile prefix in Italy. Of
        several countries with one code, the main one decides.
        """
        if self.region() is None:
            return set(range(10))
        unclear = set()
        for length in self.lengths:
            for beginning in range(1000):
                for _ in range(10):
                    rest = (f"{beginning:03}" + tail(self.dice, max(length - 3, 0)))[:length]
                    text = f"{self.code}{rest}"
                    if read(text, self.region()) != text:
                        unclear.add(int(rest[0]))
        return set(range(10)) - unclear

    def row(self) -> str:
        def bits(lengths: set[int]) -> str:
            return f"{sum(1 << length for length in lengths):#06x}"

        def texts(beginnings: Iterable[str]) -> str:
            return ", ".join(f'"{each}"' for each in sorted(beginnings))

        return (
            f"    row({self.code}, [{bits(self.lengths)}, {bits(self.zero_lengths)}, "
            f"{bits(self.bare)}], "
            f"LeadingZero::{self.trunk}, {str(self.double_zero).lower()}, "
            f"[&[{texts(self.refused)}], &[{texts(self.exits)}]]),"
        )


def row(country: tuple[int, tuple[str, ...]]) -> str:
    code, regions = country
    print(code, end=" ", flush=True, file=sys.stderr)
    return Country(code, regions, random.Random(code)).row()


def main() -> None:
    countries = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items())
    with multiprocessing.Pool() as pool:
        rows = pool.map(row, countries, chunksize=1)
    print(TOP.format(version=phonenumbers.__version__, count=len(rows)))
    print("\n".join(rows))
    print("];")


TOP = """\
//! What the telephone numbers of each country may look like. Written by `calling_codes.py`.
//!
//! Facts of libphonenumber's metadata, by the Python package `phonenumbers` {version}.

use crate::numbering::{{Country, LeadingZero, row}};

/// By calling code. Lengths and digits are bits: bit 9 is a national number of nine digits.
#[rustfmt::skip]
pub(crate) const COUNTRIES: [Country; {count}] = ["""

if __name__ == "__main__":
    main()
