"""A user's word that a code or a signature was not theirs."""

import logging
from contextlib import suppress
from typing import NamedTuple

from otp_engine.esms.events import hearing
from otp_engine.esms.recipient import NoMobile

from odoo import SUPERUSER_ID, api
from odoo.http import request
from odoo.service.model import retrying

from ..engine import engine
from ..journal import OdooJournal
from ..store import opened, transaction
from .main import _let_go

_logger = logging.getLogger(__name__)
_EVENT = """INSERT INTO esms_otp_log (at, kind, user_id, company_id, model, field, res_id)
SELECT now() AT TIME ZONE 'UTC', 'not_me', %(user_id)s, %(company_id)s, %(model)s, %(field)s,
    %(res_id)s
WHERE NOT EXISTS (SELECT FROM esms_otp_log WHERE kind = 'not_me' AND user_id = %(user_id)s
    AND model = %(model)s AND field = %(field)s AND res_id = %(res_id)s
    AND at > now() AT TIME ZONE 'UTC' - interval '1 hour')"""


class Place(NamedTuple):
    """What is disputed, by whom, and the company whose officers are told."""

    model: str
    field: str
    res_id: int
    user_id: int
    company_id: int


def deny(place):
    """Call off what is pending for a user and record field, and alert the officers.

    It may be said again: the event and the alert come once an hour.
    """
    env, registry = request.env, request.env.registry
    bindings, tenant = [], env["esms.otp.cell"]._tenant()
    if place.model in env:
        record = env[place.model].sudo().browse(place.res_id).exists()
        policy = env["esms.otp.policy"]._for_field(record, place.field, active_test=False)
        with suppress(NoMobile):  # to a number that is not theirs any more: nobody can use it
            bindings = policy._bindings(record, place.field, env.user, tenant) if policy else []
    _let_go()
    try:
        for binding in bindings:
            with hearing() as events, opened(registry) as store:
                engine().cancel(store, binding)
            OdooJournal(registry, place.company_id).heard(events)
    finally:
        if _is_new(registry, place):
            with registry.cursor() as cr:
                system = api.Environment(cr, SUPERUSER_ID, {})
                retrying(lambda: _alert(system, place), system)


def _alert(env, place):
    """Tell the officers of the company, and the record's own chatter."""
    user = env["res.users"].browse(place.user_id)
    officers = env.ref("esms_otp.group_esms_otp_officer").all_user_ids.filtered(
        lambda officer: officer.active and place.company_id in officer.company_ids.ids
    )
    record = env[place.model].browse(place.res_id).exists() if place.model in env else None
    told = {
        "subject": env._("A code or signature is disputed"),
        "body": env._(
            "%(user)s says that a code for, or a signature of, %(record)s was not theirs.",
            user=user.name,
            record=record.display_name if record else f"{place.model} {place.res_id}",
        ),
        "partner_ids": officers.partner_id.ids,
        "author_id": user.partner_id.id,
    }
    if record and isinstance(record, env.registry["mail.thread"]):
        record.message_post(subtype_xmlid="mail.mt_note", **told)
    else:
        env["mail.thread"].message_notify(**told)
    _logger.warning("user %s disputes %s(%s)", user.id, place.model, place.res_id)


def _is_new(registry, place):
    """Write the event; False if it is there already."""
    with transaction(registry) as cr:
        cr.execute(_EVENT, place._asdict(), log_exceptions=False)
        return cr.rowcount == 1
