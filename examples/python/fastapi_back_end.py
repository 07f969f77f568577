"""The three routes in FastAPI: send a code for the user's loan, verify it, get the signature.

Once ``python -m otp_engine.esms.setup "dbname=bank" keys``; then, with PGDATABASE, OTP_KEYS=keys,
SECRET_KEY and ESMS_GATEWAY="URL user password", ``uvicorn --workers 4 fastapi_back_end:app``.
The host has person (id, mobile), loan (id, person_id, amount), and person_id in its session.
"""

import contextlib
import hashlib
import os
from functools import partial
from typing import Any, Literal

import otp_engine as otp
import psycopg2
from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from otp_engine.esms import contract, flow, journal, recipient, setup
from otp_engine.esms.gateway.esms import EsmsGateway
from otp_engine.esms.routes import Routes
from otp_engine.stores.psycopg2 import Psycopg2Store
from starlette.middleware.sessions import SessionMiddleware

MESSAGE = otp.MessageTemplate("Your code is #otp#, valid for #duration# minutes.", prefix="RM0.00 ")
LOAN = """SELECT amount, mobile FROM loan JOIN person ON person.id = person_id
WHERE loan.id = %s AND person.id = %s"""
KEYS = setup.keys_folder()  # named by OTP_KEYS
connect = partial(psycopg2.connect, dbname=os.environ["PGDATABASE"], connect_timeout=5)
app = FastAPI()
app.add_middleware(SessionMiddleware, secret_key=os.environ["SECRET_KEY"], same_site="lax")
Name = Literal["send_esms_otp", "verify_esms_otp", "get_esms_otp_signature"]


@otp.PerProcess
def signing() -> flow.Signing:
    """Make what answers in this process: at the first use, and so after any fork."""
    ring, signing_key = setup.read_keys(KEYS)
    engine, store = otp.Engine(ring, signing_key=signing_key), Psycopg2Store(connect)
    engine.check_store(store)  # raises if other keys began the tables
    return flow.Signing(engine, flow.lent(store), journal.SqlJournal(connect))


def case_of(person_id: int, asked: contract.Asked) -> flow.Case:
    """Look the record up as the user; what is signed and the number are never the request's."""
    if (asked.model, asked.field) != ("loan", "signature"):
        raise flow.NotAllowed(contract.forbidden("OTP is not allowed on this field"))
    with contextlib.closing(connect()) as connection, connection.cursor() as cursor:
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


@app.post("/api/esms_otp/{name}")
async def answer(name: Name, request: Request) -> dict[str, Any]:
    """Serve one of the routes to a user who is logged in."""
    if "person_id" not in request.session:
        raise HTTPException(401)
    body, allowed = await request.body(), partial(case_of, request.session["person_id"])
    kind, query = request.headers.get("content-type"), request.query_params
    params = contract.params_of(body, kind)
    # Store and gateway wait: not here, where all other requests would wait with them.
    return {"result": await run_in_threadpool(routes.answer, name, allowed, params, query, body)}
