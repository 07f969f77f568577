"""How signing stands, in words for an administrator: what is so, and what to do about it."""

from collections.abc import Iterator
from datetime import timedelta

import otp_engine as otp
from babel.dates import format_timedelta
from markupsafe import Markup
from otp_engine.esms import signed_record
from otp_engine.esms.contract import UNREACHED
from otp_engine.esms.flow import with_causes
from otp_engine.esms.gateway.esms import MEANINGS

from odoo import fields
from odoo.tools import format_datetime, get_lang
from odoo.tools.misc import babel_locale_parse

from ..engine import RETIRED_KEYS_FILE, NotConfigured, check_files, check_keys, public_pems
from ..store import OdooStore

GOOD, WARNING, BAD = "success", "warning", "danger"
_ICONS = {GOOD: "check", WARNING: "exclamation-triangle", BAD: "times"}
# The scheduled action, which runs each minute, takes a message by then.
_UNSENT = timedelta(minutes=2)
# How old what waits may be before it is named.
_LATE = timedelta(minutes=10)
_VERY_LATE = timedelta(days=1)


def checks(env) -> Iterator[tuple[str, str]]:
    """Yield how it stands with each part, as one of the levels, and a text."""
    yield _keys(env)
    yield from _old_keys(env)
    yield from _gateways(env)
    yield from _last_message(env)
    yield _waiting(env)
    yield _outbox(env)
    yield _purge(env)


def shown(env) -> Markup:
    """Write the checks as a list, the worst first."""
    order = (BAD, WARNING, GOOD)
    lines = sorted(checks(env), key=lambda check: order.index(check[0]))
    line = Markup('<li class="text-%s"><i class="fa fa-%s" role="img" aria-label="%s"></i> %s</li>')
    words = {GOOD: env._("Well"), WARNING: env._("Look at this"), BAD: env._("Act now")}
    items = (line % (level, _ICONS[level], words[level], text) for level, text in lines)
    return Markup('<ul class="list-unstyled mb-0">%s</ul>') % Markup().join(items)


def _keys(env):
    try:
        check_files()
        with OdooStore(env.registry) as store:
            check_keys(store, env.cr.dbname, object())
    except NotConfigured as error:
        return BAD, env._("Keys: %s. Nothing can be signed until then.", error)
    except otp.OtpError as error:
        return BAD, env._(
            "Keys: the table of codes could not be read (%s). Look at the server's log.",
            with_causes(error),
        )
    return GOOD, env._("Keys: the files are readable, and are those of this database.")


def _old_keys(env):
    """Look whether the key of the oldest signature, which is retired first, can still be had."""
    oldest = env["esms.otp.signature"].sudo().search([], order="id", limit=1)
    try:
        kids = public_pems()
    except NotConfigured:
        return  # said above
    if oldest and (kid := signed_record.header(oldest.record)["kid"]) not in kids:
        yield BAD, env._(
            "Keys: nobody can verify the oldest signatures, since the public half of key %(kid)s "
            "is missing. Add it to the file of %(variable)s.",
            kid=kid, variable=RETIRED_KEYS_FILE,
        )  # fmt: skip


def _gateways(env):
    """Look at the gateways by which a policy of the company may send, in their orders."""
    company = env.company.sudo()
    policies = env["esms.otp.policy"].sudo().search([("company_id", "in", (company.id, False))])
    by_sms = policies.filtered(
        lambda policy: {policy.recipient, policy.otherwise or policy.recipient} != {"user_email"}
    )
    if policies and not by_sms:
        yield (
            GOOD,
            env._("Gateway: none is needed, as all policies of this company send by e-mail."),
        )
        return
    used = by_sms.gateway_id.browse()
    for first in dict.fromkeys(policy.gateway_id for policy in by_sms) or (used,):
        in_order = (first or company.esms_otp_gateway_id)._in_order()
        used |= in_order
        if first and not in_order:
            yield (
                BAD,
                env._(
                    "Gateway: %s is archived, and a policy sends by it alone. Choose another one "
                    "there; until then it sends no code.",
                    first.name,
                ),
            )
        elif not in_order:
            yield (
                BAD,
                env._(
                    "Gateway: %s has none. Choose one below; until then no code is sent.",
                    company.name,
                ),
            )
    for gateway in used:
        yield _gateway(env, gateway)


def _gateway(env, gateway):
    if gateway.provider == "log":
        return WARNING, env._(
            "Gateway: %s writes to the log and sends nothing. Choose another one to go live.",
            gateway.name,
        )
    if gateway.provider == "esms" and not (gateway.user and gateway.password):
        return BAD, env._(
            "Gateway: %s has no key or no secret. Enter them under Configuration / Gateways.",
            gateway.name,
        )
    return GOOD, env._("Gateway: %s sends for this company.", gateway.name)


def _last_message(env):
    last = env["esms.otp.generation"].sudo().search(
        [("company_id", "=", env.company.id), ("gateway_status", "not in", ("", False))], limit=1
    )  # fmt: skip
    if not last:
        yield WARNING, env._("Messages: the gateway has answered none yet. Sign something to try.")
        return
    when, status = format_datetime(env, last.issued_at), last.gateway_status
    if status == "0":
        yield GOOD, env._("Messages: the gateway took the last one, of %s.", when)
        return
    if status in UNREACHED:
        yield (
            BAD,
            env._(
                "Messages: the last one, of %s, reached no gateway: no connection could be made. "
                "Look at the gateway's address and at the network.",
                when,
            ),
        )
        return
    meaning = MEANINGS.get(int(status)) if status.isdigit() else None
    yield BAD, env._(
        "Messages: the gateway refused the last one, of %(when)s: status %(status)s, %(meaning)s. "
        "Look at the gateway's account and at its settings.",
        when=when, status=status, meaning=meaning or env._("unknown"),
    )  # fmt: skip


def _waiting(env):
    """Look at messages that no gateway is known to have, claimed ones among them."""
    waiting = [("waiting_since", "!=", False)]
    rows = env["esms.otp.generation"].sudo()
    oldest = rows.search(waiting, order="waiting_since", limit=1)
    if not oldest:
        return GOOD, env._("Messages: none waits.")
    age = fields.Datetime.now() - oldest.waiting_since
    locale = babel_locale_parse(get_lang(env).code)
    told = {
        "count": rows.search_count(waiting),
        "age": format_timedelta(age, locale=locale),
    }
    if age < _UNSENT:
        return GOOD, env._("Messages: %(count)s on their way, the oldest for %(age)s.", **told)
    return BAD if age > _LATE else WARNING, env._(
        "Messages: %(count)s not known to have left, the oldest for %(age)s. Does the server run "
        "scheduled actions? Its log says why a message still waits.",
        **told,
    )


def _outbox(env):
    waiting = [("state", "=", "waiting")]
    oldest = env["esms.otp.outbox"].sudo().search(waiting, limit=1)
    signed_at = oldest.verified_at
    if not oldest or fields.Datetime.now() - signed_at < _LATE:
        return GOOD, env._("Actions after signing: none is late.")
    level = BAD if fields.Datetime.now() - signed_at > _VERY_LATE else WARNING
    return level, env._(
        "Actions after signing: %(count)s wait, the oldest since %(when)s: %(error)s. Look at the "
        "list of them.",
        count=env["esms.otp.outbox"].sudo().search_count(waiting),
        when=format_datetime(env, signed_at),
        error=oldest.error or env._("the scheduled action does not run"),
    )


def _purge(env):
    cron = env.ref("esms_otp.ir_cron_purge", raise_if_not_found=False)
    cron = cron and cron.sudo().with_context(active_test=False)
    if not cron or not cron.active:
        return BAD, env._("Purge: its scheduled action is off. Turn it on under Scheduled Actions.")
    if cron.failure_count:
        return BAD, env._("Purge: it failed the last times. The server's log says why.")
    if not cron.lastcall:
        return WARNING, env._("Purge: it has not run yet. Does the server run scheduled actions?")
    if fields.Datetime.now() - cron.lastcall > _VERY_LATE:
        return BAD, env._(
            "Purge: it ran last at %s. Does the server run scheduled actions?",
            format_datetime(env, cron.lastcall),
        )
    return GOOD, env._("Purge: it ran last at %s.", format_datetime(env, cron.lastcall))
