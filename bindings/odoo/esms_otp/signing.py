"""A code of a record field as plain values for the engine: who signs, and what sends it."""

import logging
from functools import partial

from otp_engine.esms import flow

from odoo.tools import config

from .engine import engine
from .journal import OdooJournal
from .models import limits
from .store import opened

_logger = logging.getLogger(__name__)
_LONGEST_WAIT = 10  # seconds, for the gateway


def signing(env, company, rate_limits=None, wait=0, **written):
    """Return what answers, with the cells and the journal of a database."""
    journal = OdooJournal(env.registry, company.id, **written)
    store = partial(opened, env.registry)
    workers = config["workers"]
    return flow.Signing(engine(rate_limits), store, journal, wait=wait, workers=workers)


def sending(env, policy, company):
    """Return what answers a Send, by the limits and the wait that are set."""
    receipts = f"{policy.get_base_url()}/esms_otp/receipt/"
    wait = setting(env, "gateway_wait", 2, _LONGEST_WAIT)
    return signing(env, company, limits.of(env), wait=wait, receipts=receipts)


def cases(record, field, user, policy):
    """Return what a user may sign, for each recipient of the policy's order; NoMobile for none."""
    company = policy._company(record).sudo()
    bindings = policy._bindings(record, field, user, policy.env["esms.otp.cell"]._tenant())
    limits_, mask = policy._limits(), company.esms_otp_mask_recipient
    return [flow.Case(binding, limits_, mask=mask) for binding in bindings]


def messages(record, field, user, policy, binding):
    """Return gateway, template and subject of a code, in the language of its user.

    The gateway is None where there is none.
    """
    company = policy._company(record).sudo().with_context(lang=user.lang)
    gateway = company._esms_otp_sender(binding, policy)
    if gateway is None:
        _logger.warning(
            "company %s has no gateway for codes: choose one in Settings / Signing Codes, "
            "or in policy %s",
            company.name,
            policy.id,
        )
    policy = policy.with_context(lang=user.lang)
    template = policy._template(is_mail=bool(binding.email))
    return gateway, template, policy._subject(record, field)


def setting(env, name, default, most):
    """Return a number from 0, a setting: a hand may have spoilt it."""
    text = env["ir.config_parameter"].sudo().get_param(f"esms_otp.{name}", default)
    try:
        return min(max(int(text), 0), most)
    except ValueError:
        return default
