"""What a signature still has to bring about: a row for each whose hook has not run to its end."""

import logging
import re

import psycopg2

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import UserError
from odoo.service.model import retrying

from ..store import DatabaseError
from . import reasons

_logger = logging.getLogger(__name__)
_BATCH = 1000
_LONGEST = 256  # characters of an error
# Of longer numbers four digits are kept: an error may quote a code or a mobile number.
_DIGITS = re.compile(r"\d(?=\d{4})")

_TAKE = """SELECT id FROM esms_otp_outbox
WHERE signature_id = %s AND (state = 'waiting' OR %s) FOR UPDATE SKIP LOCKED"""
# After 1, 2, 4 .. minutes, at most 512 of them.
_FAILED = """UPDATE esms_otp_outbox SET attempts = attempts + 1, error = %s,
    next_at = now() AT TIME ZONE 'UTC' + power(2, least(attempts, 9)) * interval '1 minute'
WHERE signature_id = %s"""


class EsmsOtpOutbox(models.Model):
    """Is there from the commit of a signature until that of `_esms_otp_signed` of its record."""

    _name = "esms.otp.outbox"
    _description = "Action after Signing"
    _rec_name = "signature_id"
    _order = "id"
    _log_access = False

    signature_id = fields.Many2one(
        "esms.otp.signature", required=True, readonly=True, ondelete="restrict"
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade")
    model = fields.Char(related="signature_id.model")
    res_id = fields.Many2oneReference("Record", related="signature_id.res_id", model_field="model")
    field = fields.Char(related="signature_id.field")
    user_id = fields.Many2one(related="signature_id.user_id")
    verified_at = fields.Datetime("Signed at", related="signature_id.verified_at")
    state = fields.Selection(
        [("waiting", "Waiting"), ("dropped", "Dropped")], required=True, readonly=True
    )
    attempts = fields.Integer("Failed Attempts", readonly=True, aggregator=None)
    next_at = fields.Datetime("Next Attempt", required=True, readonly=True)
    error = fields.Char("Last Error", readonly=True)
    reason = fields.Char("Dropped because", readonly=True)
    dropped_by_id = fields.Many2one("res.users", readonly=True, ondelete="set null")

    _signature_unique = models.UniqueIndex("(signature_id)")
    _next_index = models.Index("(next_at) WHERE state = 'waiting'")

    @api.model
    def _run_due(self):
        """Run what is due: the scheduled action."""
        progress = self.env["ir.cron"]._commit_progress
        due = [("state", "=", "waiting"), ("next_at", "<=", fields.Datetime.now())]
        signatures = self.search(due, limit=_BATCH).mapped("signature_id.id")
        progress(remaining=len(signatures))
        for signature_id in signatures:
            run(self.env.registry, signature_id)
            if not progress(1):
                return

    def action_retry(self):
        """Run the hooks of these rows now, also of dropped ones."""
        if not self.env.user.has_group("esms_otp.group_esms_otp_officer"):
            raise UserError(self.env._("Only an officer of signing codes may run these again."))
        self.check_access("read")
        for row in self:
            _logger.info(
                "user %s runs what follows signature %s", self.env.uid, row.signature_id.id
            )
            run(self.env.registry, row.signature_id.id, again=True)
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def action_drop(self, reason):
        """Run the hooks of these rows no more; the reason, 1 to 256 bytes, is kept."""
        if not self.env.user.has_group("esms_otp.group_esms_otp_manager"):
            raise UserError(self.env._("Only a manager of signing codes may drop these."))
        self.check_access("read")
        self.sudo()._drop(reasons.checked(self.env, reason), self.env.uid)
        _logger.info(
            "user %s dropped what follows signatures %s", self.env.uid, self.signature_id.ids
        )
        return True

    def _drop(self, reason, user_id=False):
        self.write({"state": "dropped", "reason": reason, "dropped_by_id": user_id})

    def _settle(self):
        """Run the hook, and end the row in the same transaction."""
        signature = self.signature_id
        context = {"lang": signature.user_id.lang, "tz": signature.user_id.tz}
        env = self.env(user=signature.user_id.id, su=False, context=context)
        record = env[signature.model].browse(signature.res_id)
        if not record.exists():
            self._drop(self.env._("The record is gone."))
            return
        record._esms_otp_signed(signature.field, signature.with_env(env).sudo())
        self.unlink()


def run(registry, signature_id, again=False):
    """Run the hook of a signature; where another process does, or nothing is owed, do nothing.

    What it raises is written down, and the scheduled action runs it again. With ``again`` a dropped
    one is run as well.
    """
    try:
        with registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})

            def settle():
                cr.execute(_TAKE, [signature_id, again])
                if found := cr.fetchone():
                    env["esms.otp.outbox"].browse(found)._settle()

            retrying(settle, env)
    except Exception as error:
        _logger.exception("what follows signature %s failed, and is tried again", signature_id)
        with registry.cursor() as cr:
            cr.execute(_FAILED, [_told(error), signature_id])


def _told(error):
    """Write an error for officers: its kind and text, without whole numbers or a row's values."""
    if isinstance(error, psycopg2.Error):
        error = DatabaseError(error)
    text = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
    return _DIGITS.sub("*", " ".join(text.split()))[:_LONGEST]
