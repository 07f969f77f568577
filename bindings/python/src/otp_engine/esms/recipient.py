"""Mobile numbers as people register them."""

import otp_engine as otp


class NoMobile(ValueError):
    """A user has no mobile number that codes could be sent to."""


def international(text: str, country_code: int) -> str:
    """Return the digits of a number, its country code first; the engine reads it.

    Without a country (0) the text must hold its country code. Odoo gives countries of the North
    American plan their area code as well (1264), which is part of the number.
    """
    if country_code > 999:
        country_code = 1
    try:
        return otp.parse_mobile(text, country_code=country_code or None)
    except ValueError as error:
        raise NoMobile(str(error)) from None
