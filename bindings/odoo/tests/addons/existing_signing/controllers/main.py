import hashlib
from functools import partial

import otp_engine as otp
import psycopg2
from otp_engine.esms import contract, flow, journal, setup
from otp_engine.esms.gateway.esms import EsmsGateway
from otp_engine.esms.recipient import international
from otp_engine.esms.routes import Routes
from otp_engine.stores.psycopg2 import Psycopg2Store

from odoo import http, sql_db, tools
from odoo.http import request

from .old_signatures import old

MESSAGE = otp.MessageTemplate("Your code is #otp#, valid for #duration# minutes.", prefix="RM0.00 ")
FIELDS = [("loan.application", "client_schedule_esms_otp_signature_ids")]
KEYS = setup.keys_folder()  # named by OTP_KEYS
made = otp.PerProcess(dict)  # in each worker: what answers, by database


def signing():
    database = request.env.cr.dbname
    if database not in made():
        how = sql_db.connection_info_for(database)[1]
        connect = partial(psycopg2.connect, connect_timeout=5, **how)
        ring, signing_key = setup.read_keys(KEYS)
        engine, store = otp.Engine(ring, signing_key=signing_key), Psycopg2Store(connect)
        engine.check_store(store)  # raises if other keys began the tables
        kept, workers = journal.SqlJournal(connect), tools.config["workers"]
        made()[database] = flow.Signing(engine, flow.lent(store), kept, workers=workers)
    return made()[database]


def case_of(asked):
    if (asked.model, asked.field) not in FIELDS:
        raise flow.NotAllowed(contract.forbidden("OTP is not allowed on this field"))
    env = request.env  # as the user: a loan of another is not there
    loan = env[asked.model].search([("id", "=", asked.id), ("user_id", "=", env.uid)])
    if not loan:
        raise flow.NotAllowed(contract.not_found("No such record"))
    mobile = international(env.user.sudo().signing_mobile or "", 60)  # no borrower writes it
    digest = hashlib.sha256(f"loan {loan.id}: RM {loan.amount:.2f}".encode()).digest()
    who = {"tenant": "bank", "purpose": "sign", "user": env.uid, "mobile": mobile}
    target = otp.Target(asked.model, asked.field, asked.id)
    env.cr.commit()  # nothing of the request's is open while the engine works
    return flow.Case(otp.Binding(target=target, content=digest, content_guessable=True, **who))


routes = Routes(signing, EsmsGateway.from_environment(), MESSAGE, old=old)


class Sign(http.Controller):
    @http.route([f"/api/esms_otp/{name}" for name in Routes.NAMES], type="json", auth="user")
    def answer(self, **params):
        name, asked = request.httprequest.path.rpartition("/")[2], request.httprequest
        how = {"environ": asked.environ, "passing": (psycopg2.extensions.TransactionRollbackError,)}
        return routes.answer(name, case_of, params, asked.args, asked.get_data(), **how)
