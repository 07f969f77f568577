"""The three routes in Django: send a code for the user's loan, verify it, get the signature.

Once ``python -m otp_engine.esms.setup "dbname=bank" keys``; then, with PGDATABASE, OTP_KEYS=keys,
SECRET_KEY and ESMS_GATEWAY="URL user password", ``gunicorn -w 4 django_back_end:application``.
The host has person (id, mobile), loan (id, person_id, amount), and person_id in its session.
"""

import hashlib
import os
from functools import partial

import otp_engine as otp
import psycopg2
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_POST
from otp_engine.esms import contract, flow, journal, recipient, setup
from otp_engine.esms.gateway.esms import EsmsGateway
from otp_engine.esms.routes import Routes
from otp_engine.stores.psycopg2 import Psycopg2Store

MESSAGE = otp.MessageTemplate("Your code is #otp#, valid for #duration# minutes.", prefix="RM0.00 ")
LOAN = """SELECT amount, mobile FROM loan JOIN person ON person.id = person_id
WHERE loan.id = %s AND person.id = %s"""
KEYS = setup.keys_folder()  # named by OTP_KEYS
connect = partial(psycopg2.connect, dbname=os.environ["PGDATABASE"], connect_timeout=5)
POSTGRES = "django.db.backends.postgresql"
settings.configure(
    SECRET_KEY=os.environ["SECRET_KEY"], ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": POSTGRES, "NAME": os.environ["PGDATABASE"]}},
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
)  # fmt: skip


@otp.PerProcess
def signing() -> flow.Signing:
    """Make what answers in this process: at the first use, and so after any fork."""
    ring, signing_key = setup.read_keys(KEYS)
    engine, store = otp.Engine(ring, signing_key=signing_key), Psycopg2Store(connect)
    engine.check_store(store)  # raises if other keys began the tables
    return flow.Signing(engine, flow.lent(store), journal.SqlJournal(connect), workers=4)


def case_of(person_id: int, asked: contract.Asked) -> flow.Case:
    """Look the record up as the user; what is signed and the number are never the request's."""
    if (asked.model, asked.field) != ("loan", "signature"):
        raise flow.NotAllowed(contract.forbidden("OTP is not allowed on this field"))
    with connection.cursor() as cursor:
        cursor.execute(LOAN, [asked.id, person_id])
        found = cursor.fetchone()
    if found is None:
        raise flow.NotAllowed(contract.not_found("No such record"))
    binding = otp.Binding(
        tenant="bank", user=person_id, mobile=recipient.international(found[1] or "", 60),
        target=otp.Target(asked.model, asked.field, asked.id), content_guessable=True,
        purpose="sign", content=hashlib.sha256(f"loan {asked.id}: RM {found[0]}".encode()).digest(),
    )  # fmt: skip
    return flow.Case(binding)


routes = Routes(signing, EsmsGateway.from_environment(), MESSAGE)


@require_POST
def answer(request: HttpRequest, name: str) -> HttpResponse:
    """Serve one of the routes to a user who is logged in."""
    if "person_id" not in request.session:
        return HttpResponse(status=401)
    allowed = partial(case_of, request.session["person_id"])
    params = contract.params_of(request.body, request.content_type)
    return JsonResponse({"result": routes.answer(name, allowed, params, request.GET, request.body)})


urlpatterns = [path(f"api/esms_otp/{name}", answer, {"name": name}) for name in Routes.NAMES]
application = get_wsgi_application()
