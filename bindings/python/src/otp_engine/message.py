"""The text that carries a code: composed from a template, checked, counted in SMS segments."""

import ctypes
from typing import Literal

from . import _bindings as c
from ._checks import never_set_up, text, whole
from ._handle import Uncopied
from ._lib import lib, sized, take_bytes, view
from ._result import Result, told
from .errors import check, unshown

Encoding = Literal["gsm7", "ucs2"]
_ENCODINGS: dict[int, Encoding] = {c.OTP_ENCODING_GSM7: "gsm7", c.OTP_ENCODING_UCS2: "ucs2"}


class Message(Result, Uncopied):
    """A composed message; its repr does not show the text, which holds the code."""

    __slots__ = ()
    _shown = ("encoding", "units", "segments")
    _instead = "pass its text to what sends the message"

    text: str = told(0, "What is sent.")
    encoding: Encoding = told(1, "The alphabet that it travels in.")
    units: int = told(2, "How many septets or UTF-16 units it takes.")
    segments: int = told(3, "How many SMS it takes, 1 to 10.")


class MessageTemplate:
    """A checked template for messages.

    ``text`` holds ``#otp#`` once; ``#duration#`` stands for the minutes, ``#subject#`` for what is
    approved. ``prefix`` goes first; ``domain`` adds the last line ``@domain #code``, by which a
    browser fills the code in on that site alone; ``app_hash`` (11 symbols) hands the message to one
    Android app. A ValueError names what is wrong; among others, that autofill could take another
    run of symbols than the code for the code.
    """

    def __init__(
        self, text: str, *, prefix: str = "", domain: str | None = None, app_hash: str | None = None
    ) -> None:
        self._texts = tuple(
            _text(value, name)
            for name, value in (
                ("text", text), ("prefix", prefix), ("domain", "" if domain is None else domain),
                ("app_hash", "" if app_hash is None else app_hash),
            )
        )  # fmt: skip
        check(lib.otp_message_check(ctypes.byref(self._options(b"", 0, b""))))

    def _options(self, code: bytes, minutes: int, subject: bytes) -> c.otp_message_options:
        try:
            template, prefix, domain, app_hash = self._texts
        except AttributeError:
            raise never_set_up(self) from None
        return sized(
            c.otp_message_options,
            template_text=view(template),
            prefix=view(prefix),
            domain=view(domain),
            app_hash=view(app_hash),
            subject=view(subject),
            code=view(code),
            minutes=minutes,
        )

    @unshown
    def compose(self, code: str, *, minutes: int = 3, subject: str = "") -> Message:
        """Write the message for a code; ``subject`` is empty exactly if the template has no place.

        Raises a ValueError that names the argument and its bound.
        """
        written, about = text(code, "code"), text(subject, "subject")
        options = self._options(written, whole(minutes, "minutes", 1, 2**32 - 1), about)
        out = sized(c.otp_message)
        check(lib.otp_message_compose(ctypes.byref(options), ctypes.byref(out)))
        sent = take_bytes(out.text).decode()
        return Message((sent, _ENCODINGS[out.encoding], out.units, out.segments))


_text = text  # the constructor's own argument has this name
