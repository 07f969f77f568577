"""The three routes as one call, for the view of any framework."""

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import otp_engine as otp

from . import contract, flow
from .contract import Result
from .gateway import Gateway
from .recipient import NoMobile

_PARSE: dict[str, Callable[[object, Mapping[str, str]], Any]] = {
    "send_esms_otp": contract.parse_send,
    "verify_esms_otp": contract.parse_verify,
    "get_esms_otp_signature": contract.parse_get,
}


class Routes:
    """Answers ``send_esms_otp``, ``verify_esms_otp`` and ``get_esms_otp_signature``.

    ``signing`` returns what answers in this process, such as an ``otp.PerProcess`` of a function
    that makes a ``flow.Signing``. ``message`` is the text with the code, which ``gateway`` sends.
    Answers with status 400 and 423 to Verify leave at one time after their request came, as far as
    the ``workers`` of ``flow.Signing`` let them wait.
    ``old`` answers Get where the engine has no record: a signature from before it, as
    ``contract.signature(jws=None, ...)``, or None.
    """

    NAMES = tuple(_PARSE)
    """What the routes are called, below ``/api/esms_otp/``."""

    def __init__(
        self,
        signing: Callable[[], flow.Signing],
        gateway: Gateway,
        message: otp.MessageTemplate,
        *,
        old: Callable[[contract.GetRequest], Result | None] | None = None,
    ) -> None:
        self._signing, self._gateway, self._message = signing, gateway, message
        self._old = old

    def answer(
        self,
        name: str,
        case_of: Callable[[contract.Asked], flow.Case],
        params: object,
        query: Mapping[str, str],
        body: str | bytes,
        *,
        environ: MutableMapping[str, Any] | None = None,
        passing: tuple[type[BaseException], ...] = (),
    ) -> Result:
        """Return the ``result`` of a request of a user who is logged in; KeyError for another name.

        ``case_of`` gets what is asked, with ``model``, ``field`` and ``id``, looks the record up as
        the user, and ends the request's transaction. It returns what may be signed, or raises
        ``flow.NotAllowed``, or ``recipient.NoMobile`` for a user without a number. ``params`` are
        those of the body, as the framework read them or ``contract.params_of``; ``query`` is the
        URL's. ``environ``, of a framework that may run a handler again, is the request's own;
        ``passing`` are the exceptions by which it does.
        """
        parse, answer = _PARSE[name], getattr(self, f"_{name}")

        def serve(asked: Any) -> Result:
            try:
                case = case_of(asked)
            except NoMobile:
                return {"status": 400, "message": "No usable mobile number is registered"}
            answered: Result = answer(asked, case)
            return answered

        return flow.once(
            {} if environ is None else environ,
            lambda: flow.answered(parse, serve, params, query, body, passing=passing),
            (lambda came: self._signing().hold_back(came)) if name == "verify_esms_otp" else None,
        )

    def _send_esms_otp(self, asked: contract.SendRequest, case: flow.Case) -> Result:
        url = asked.redirect_url
        return self._signing().send(case, self._gateway, self._message, redirect_url=url)

    def _verify_esms_otp(self, asked: contract.VerifyRequest, case: flow.Case) -> Result:
        return self._signing().verify(case, asked)

    def _get_esms_otp_signature(self, asked: contract.GetRequest, case: flow.Case) -> Result:
        who = case.binding
        told = self._signing().get(
            asked, who.tenant, user=who.user, content=who.content, mask=case.mask
        )
        if told["status"] != 404 or self._old is None:
            return told
        return self._old(asked) or told
