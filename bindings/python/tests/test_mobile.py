"""Mobile numbers: one telephone has one number, as libphonenumber reads it, or is refused."""

import os
import random
import re

import phonenumbers
import pytest

import otp_engine as otp

TEXTS = 20_000
SEED = int(os.environ.get("OTP_TEST_SEED", "0")) or random.randrange(2**32)
MOBILE = phonenumbers.PhoneNumberType.MOBILE


def read(text: str, country_code: int | None = None) -> str | None:
    """Return what we read; None for what we refuse."""
    try:
        return otp.parse_mobile(text, country_code=country_code)
    except ValueError:
        return None


def theirs(text: str, region: str | None = None) -> str | None:
    """Return what libphonenumber reads."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:]


def naive(text: str) -> str:
    return re.sub(r"\D", "", text)


def written(draw: random.Random, region: str) -> tuple[str, str, bool]:
    """Return a number's digits, a way in which people write it, and whether that is national."""
    example = phonenumbers.example_number_for_type(region, MOBILE)
    code, national = example.country_code, phonenumbers.national_significant_number(example)
    kept = draw.randrange(2, len(national) + 1)
    national = national[:kept] + "".join(str(draw.randrange(10)) for _ in national[kept:])
    parsed = phonenumbers.parse(f"+{code}{national}")
    formats = phonenumbers.PhoneNumberFormat
    prefix = phonenumbers.PhoneMetadata.metadata_for_region(region).international_prefix or ""
    shown_exit = re.sub(r"\D.*", "", prefix) or "00"
    shown, is_national = draw.choice(
        [
            (f"+{code}{national}", False),
            (phonenumbers.format_number(parsed, formats.INTERNATIONAL), False),
            (f"{code}{national}", False),
            (f"00{code}{national}", False),
            (f"+{code} 0{national}", False),
            (f"{code}-0{national}", False),
            (f"+{code}(0){national}", False),
            (f"+{code} {code}{national}", False),
            (f"+{code}8{national}", False),
            (f"+{code}1{national}", False),
            (f"+{code}{national[:-1]}", False),
            (f"+{code}{national}{draw.randrange(10)}", False),
            (phonenumbers.format_number(parsed, formats.NATIONAL), True),
            (f"0{national}", True),
            (national, True),
            (f"{code}{national}", True),
            (f"{code}0{national}", True),
            (f"00{code}{national}", True),
            (f"{shown_exit}{code}{national}", True),
            (f"{shown_exit} 60 12 345 6789", True),
            (f"0{draw.randrange(1, 20)}{national}", True),
            (f"8{national}", True),
        ]
    )
    at = draw.randrange(len(shown) + 1)
    edit = draw.randrange(12)
    if edit == 0:
        shown = shown[:at] + draw.choice(" -.()0123456789+") + shown[at:]
    elif edit == 1:
        shown = shown[: max(at - 1, 0)] + shown[at:]
    return f"{code}{national}", shown, is_national


def test_20_000_texts_are_the_numbers_that_libphonenumber_reads_or_are_refused() -> None:
    print(f"OTP_TEST_SEED={SEED}")
    draw = random.Random(SEED)
    regions = sorted(
        region
        for region in phonenumbers.SUPPORTED_REGIONS
        if phonenumbers.example_number_for_type(region, MOBILE) is not None
    )
    assert len(regions) >= 40
    taken = fooled = 0
    for _ in range(TEXTS):
        region = draw.choice(regions)
        _, text, is_national = written(draw, region)
        code = phonenumbers.country_code_for_region(region)
        if is_national:
            # Of several countries with one code, ours is the main one.
            main = phonenumbers.region_code_for_country_code(code)
            ours, other = read(text, code), theirs(text, main)
        else:
            plus = text if "+" in text else "+" + naive(text).removeprefix("00")
            ours, other = read(text), theirs(plus)
        assert ours is None or ours == other, (region, code, text, is_national, ours, other)
        taken += ours is not None
        fooled += naive(text) != other
    # Neither a reader that refuses all, nor texts that a reader without rules would get right.
    assert taken > TEXTS // 5, taken
    assert fooled > TEXTS // 5, fooled


def test_no_real_mobile_number_is_refused() -> None:
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        example = phonenumbers.example_number_for_type(region, MOBILE)
        if example is None:
            continue
        digits = f"{example.country_code}{phonenumbers.national_significant_number(example)}"
        for text in (digits, f"+{digits}", f"00{digits}"):
            assert read(text) == digits, (region, text)
        # An own number with its code, as records of a back end hold it.
        assert read(f"+{digits}", example.country_code) == digits, region


@pytest.mark.parametrize(
    "text",
    ["+600123456789", "60-012-345 6789", "+60 60123456789", "0123456789", "+999 1234567", "", "+"],
)
def test_case_363_what_is_no_number_or_two_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"^mobile "):
        otp.parse_mobile(text)
    with pytest.raises(ValueError):
        otp.Binding(
            tenant="acme", purpose="sign", target=otp.Target("m", "f", "1"), user="7", mobile=text
        )


def test_case_363_one_telephone_is_one_number() -> None:
    for text in ("+60 12-345 6789", "60123456789", "0060123456789"):
        assert otp.parse_mobile(text) == "60123456789"
    for text in ("012-345 6789", "+60 12-345 6789", "60123456789"):
        assert otp.parse_mobile(text, country_code=60) == "60123456789"
    assert otp.parse_mobile("06 1234 5678", country_code=39) == "390612345678"
    with pytest.raises(TypeError):
        otp.parse_mobile(60123456789)  # type: ignore[arg-type]
    for code in (0, -1, 1000, 2**32 + 60):
        with pytest.raises(ValueError, match="country_code"):
            otp.parse_mobile("0123456789", country_code=code)


def test_case_440_a_number_that_is_written_with_a_zero_is_not_taken_without_it() -> None:
    for text, country in (("+241 06 03 12 34", None), ("06 03 12 34", 241)):
        assert otp.parse_mobile(text, country_code=country) == "24106031234"
    with pytest.raises(ValueError, match="8 digits after country code 241"):
        otp.parse_mobile("+241 6 03 12 34")
