"""The HTTP API of eSMS Malaysia: one POST, judged by the status in its body."""

import json
import os
import ssl
import time
from urllib.parse import urlsplit

try:
    import requests
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
except ImportError as error:
    raise ImportError(
        "otp_engine.esms.gateway.esms needs requests: pip install 'otp-engine[esms]'"
    ) from error

from ..._handle import Uncopied
from . import SendResult, Timeout

_NO_CREDIT, _INTERNAL = 5, 6
MEANINGS = {
    0: "ok",
    1: "a parameter is missing",
    2: "the calling ip address is not allowed",
    3: "bad credentials",
    4: "bad country code",
    _NO_CREDIT: "no credit",
    _INTERNAL: "internal error of the gateway",
    7: "bad message type",
    8: "the message is too long",
    9: "bad recipient",
    10: "the message must begin with RM0.00",
    16: "invalid otp",
}
_MAX_REPLY = 16384


class EsmsGateway(Uncopied):
    """Sends one message per call, and never a second one for it.

    ``timeout`` bounds connecting, each silence and the reply as a whole, in seconds. It holds a
    password, and is not copied.
    """

    _instead = "pass what it is made of, and make a gateway in each process"

    def __init__(self, endpoint: str, user: str, password: str, timeout: float) -> None:
        host = urlsplit(endpoint)
        local = host.scheme == "http" and host.hostname in ("127.0.0.1", "localhost", "::1")
        if not host.hostname or not (host.scheme == "https" or local):
            raise ValueError("endpoint must begin with https://")
        self._endpoint = endpoint
        self._user = user
        self._password = password
        self._timeout = timeout

    @classmethod
    def from_environment(
        cls, variable: str = "ESMS_GATEWAY", *, timeout: float = 10.0
    ) -> "EsmsGateway":
        """Make one of a variable that holds ``URL user password``, with blanks between them.

        A ValueError names the variable and what is wrong, and quotes nothing of it: call this where
        the server starts.
        """
        words = os.environ.get(variable, "").split()
        if len(words) != 3:
            found = f"holds {len(words)} of them" if words else "is not set"
            raise ValueError(f'{variable} {found}; it must hold three words, "URL user password"')
        try:
            return cls(words[0], words[1], words[2], timeout)
        except ValueError as error:
            raise ValueError(f"{variable}: {error}") from None

    def __repr__(self) -> str:
        return "EsmsGateway(..)"

    def send(self, to: str, text: str, reference: str = "") -> SendResult:
        """Send a text to a number (digits with country code); raise Timeout if nobody knows.

        ``reference`` is the URL at which the delivery receipt is awaited, if it is.
        """
        # In the body: a query stands in the logs of every proxy.
        form = {"user": self._user, "pass": self._password, "to": to, "msg": text}
        if reference:
            form |= {"dlr": "1", "dlr-url": reference}
        answer = self._post(form)
        # Raised out here: requests' own exceptions carry the whole form, text and password.
        if isinstance(answer, str):
            raise Timeout(answer)
        return answer

    def _post(self, form: dict[str, str]) -> SendResult | str:
        """Return what came of it, or why that is unknown."""
        deadline = time.monotonic() + self._timeout
        try:
            with requests.post(
                self._endpoint,
                data=form,
                timeout=self._timeout,
                allow_redirects=False,  # it would carry the credentials on to another host
                stream=True,
                verify=True,
            ) as reply:
                body = bytearray()
                for piece in reply.iter_content(1):  # larger ones would wait to be full
                    body += piece
                    if time.monotonic() > deadline:
                        return "the gateway was too slow"
                    if len(body) > _MAX_REPLY:
                        return "the gateway's reply is too long"
                return _read(reply.status_code, bytes(body))
        except requests.RequestException as error:
            return _unsent(error) or "the gateway did not answer"


def _read(http_status: int, body: bytes) -> SendResult | str:
    """Judge a reply by its body: the HTTP status says nothing where that has a status."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    code = _code(said)
    if code is None:
        if 300 <= http_status < 500:
            return SendResult(False, f"h{http_status}", meaning=f"http status {http_status}")
        return "the gateway's reply has no status"
    provider_id = said.get("id") if isinstance(said, dict) else None
    return SendResult(
        ok=code == 0,
        status=str(code),
        provider_id=provider_id[:64] if isinstance(provider_id, str) else "",
        balance_low=code == _NO_CREDIT,
        meaning=MEANINGS.get(code, "refused"),
        retryable=code == _INTERNAL,
    )


def _code(said: object) -> int | None:
    code = said.get("status") if isinstance(said, dict) else None
    if isinstance(code, str) and len(code) <= 5 and code.isascii() and code.isdigit():
        code = int(code)
    # False equals 0, which is success.
    known = isinstance(code, int) and not isinstance(code, bool) and 0 <= code <= 99999
    return code if known else None


def _unsent(error: BaseException) -> SendResult | None:
    """Tell whether the form never left: no connection was made, or not to the right host."""
    seen: set[int] = set()
    cause: object = error
    while isinstance(cause, BaseException) and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, NewConnectionError | ConnectTimeoutError):
            return SendResult(False, "conn", meaning="no connection", retryable=True)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return SendResult(False, "tls", meaning="certificate not trusted")
        inner = [getattr(cause, "reason", None), *cause.args, cause.__cause__, cause.__context__]
        cause = next((found for found in inner if isinstance(found, BaseException)), None)
    return None
