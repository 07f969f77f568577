"""The three routes as one call, for the view of any framework."""

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import otp_engine as otp

from . import contract, flow, hold
from .contract import Result
from .gateway import Gateway

_PARSE: dict[str, Callable[[object, Mapping[str, str]], Any]] = {
    "send_esms_otp": contract.parse_send,
    "verify_esms_otp": contract.parse_verify,
    "get_esms_otp_signature": contract.parse_get,
}


class Routes:
    """Answers ``send_esms_otp``, ``verify_esms_otp`` and ``get_esms_otp_signature``.

    ``signing`` returns what answers in this process, such as an ``otp.PerProcess`` of a function
    that makes a ``flow.Signing``. ``message`` is the text with the code, which ``gateway`` sends.
    Answers with status 400 and 423 to Verify leave at one time after their request came
    (``hold.until``), in all but one of the server's ``workers``; with one worker none is held.
    """

    NAMES = tuple(_PARSE)
    """What the routes are called, below ``/api/esms_otp/``."""

    def __init__(
        self,
        signing: Callable[[], flow.Signing],
        gateway: Gateway,
        message: otp.MessageTemplate,
        *,
        workers: int = 1,
    ) -> None:
        self._signing, self._gateway, self._message = signing, gateway, message
        self._places = workers - 1

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
        the user, and ends the request's transaction: it returns what may be signed, or raises
        ``flow.NotAllowed``. ``params`` are those of the body, as the framework read them or
        ``contract.params_of``; ``query`` is the URL's. ``environ``, of a framework that may run a
        handler again, is the request's own; ``passing`` are the exceptions by which it does.
        """
        parse, serve = _PARSE[name], getattr(self, f"_{name}")

        def answer() -> Result:
            return flow.answered(
                parse,
                lambda asked: serve(asked, case_of(asked)),
                params,
                query,
                body,
                passing=passing,
            )

        rejected = self._hold if name == "verify_esms_otp" else None
        return flow.once({} if environ is None else environ, answer, rejected)

    def _hold(self, came: float) -> None:
        hold.until(came, hold.DEFAULT, self._places)

    def _send_esms_otp(self, asked: contract.SendRequest, case: flow.Case) -> Result:
        url = asked.redirect_url
        return self._signing().send(case, self._gateway, self._message, redirect_url=url)

    def _verify_esms_otp(self, asked: contract.VerifyRequest, case: flow.Case) -> Result:
        return self._signing().verify(case, asked)

    def _get_esms_otp_signature(self, asked: contract.GetRequest, case: flow.Case) -> Result:
        who = case.binding
        return self._signing().get(
            asked, who.tenant, user=who.user, content=who.content, mask=case.mask
        )
