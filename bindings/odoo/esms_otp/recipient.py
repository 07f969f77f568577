"""Mobile numbers as people register them. Imports no odoo."""

import re

_BETWEEN = re.compile(r"[\s().-]")


class NoMobile(ValueError):
    """A user has no mobile number that codes could be sent to."""


def international(text: str, country_code: int) -> str:
    """Return a number with its country code; the engine judges the rest of it.

    A leading 0 gives way to the code of the country. A number with neither 0 nor `+` nor `00` has
    to begin with that code: nothing is guessed, it would be somebody else's.
    """
    read = _BETWEEN.sub("", text)
    if read.startswith(("+", "00")):
        return text
    if not country_code:
        raise NoMobile("mobile must begin with + and its country code")
    if read.startswith("0"):
        return f"+{country_code}{read[1:]}"
    if read.startswith(str(country_code)):
        return text
    raise NoMobile(f"mobile must begin with +, 0 or country code {country_code}")


def digits(number: str) -> str:
    """Return the digits of an international number, as gateways and the contract write it."""
    return re.sub(r"\D", "", number).removeprefix("00")
