"""Mobile numbers, as people write them."""

import ctypes

from . import _bindings as c
from ._checks import text as _text
from ._checks import whole
from ._lib import lib, view
from .errors import check, unshown


@unshown
def parse_mobile(text: str, *, country_code: int | None = None) -> str:
    """Return the digits of a mobile number, country code first, without plus.

    They are the same for one telephone however it was written. ``country_code``, such as 60, is
    that of the country within which the text was written; without it the text must hold its country
    code. A ValueError says what is wrong: what is no mobile number, could be two, or has a trunk 0
    behind its country code is refused.
    """
    code = 0 if country_code is None else whole(country_code, "country_code", 1, 999)
    given = _text(text, "text")
    digits = (ctypes.c_uint8 * c.OTP_MOBILE_MAX)()
    needed = ctypes.c_size_t()
    check(lib.otp_mobile_parse(view(given), code, digits, len(digits), ctypes.byref(needed)))
    return bytes(digits[: needed.value]).decode()
