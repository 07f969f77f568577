import logging
from datetime import timedelta

import otp_engine as otp
from otp_engine.esms import flow
from otp_engine.esms.events import hearing
from otp_engine.esms.flow import with_causes
from otp_engine.esms.recipient import NoMobile

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..channels import drop_texts
from ..engine import engine
from ..journal import OdooJournal
from ..signing import cases, messages, sending, signing
from ..store import opened

_BATCH = 1000
# A worker that lives has handed a message over by then, or has too much to do.
_PATIENCE = timedelta(seconds=20)
_STATES = [
    ("pending", "Pending"),
    ("verified", "Verified"),
    ("expired", "Expired"),
    ("exhausted", "Too many wrong codes"),
    ("superseded", "Superseded"),
    ("cancelled", "Cancelled"),
]
_logger = logging.getLogger(__name__)


class EsmsOtpGeneration(models.Model):
    """What officers see of a challenge. Written by the journal alone, and read by no decision."""

    _name = "esms.otp.generation"
    _description = "OTP Generation"
    _rec_name = "generation"
    _order = "issued_at desc, id desc"
    _log_access = False

    generation = fields.Char(required=True, readonly=True)
    model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference("Record", model_field="model", required=True, readonly=True)
    field = fields.Char(required=True, readonly=True)
    user_id = fields.Many2one("res.users", required=True, readonly=True, ondelete="cascade")
    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade")
    recipient = fields.Char("Mobile", readonly=True, help="Masked: its last four digits.")
    state = fields.Selection(_STATES, required=True, readonly=True)
    shown_state = fields.Selection(_STATES, string="Status", compute="_compute_shown_state")
    sends = fields.Integer(readonly=True, aggregator="sum")
    issued_at = fields.Datetime(required=True, readonly=True)
    expires_at = fields.Datetime(required=True, readonly=True)
    gateway_status = fields.Char(readonly=True, help="0 is success; empty: no answer is known.")
    gateway_reference = fields.Char(readonly=True)
    receipt = fields.Char("Delivery Receipt", readonly=True)
    receipt_at = fields.Datetime("Receipt at", readonly=True)
    receipt_token = fields.Char(readonly=True, groups="base.group_system")
    redirect_url = fields.Char(readonly=True)
    waiting_since = fields.Datetime(
        "Message waits since",
        readonly=True,
        help="No gateway is known to have it. The code stands nowhere: it is made when it leaves.",
    )

    _generation_unique = models.UniqueIndex("(generation)")
    _receipt_token_unique = models.UniqueIndex("(receipt_token)")
    _place_index = models.Index("(model, res_id, field, user_id)")
    _waiting_index = models.Index("(waiting_since) WHERE waiting_since IS NOT NULL")

    @api.depends("state", "expires_at")
    def _compute_shown_state(self):
        # An expiry is an event only if somebody still tries the code.
        now = fields.Datetime.now()
        for row in self:
            over = row.state == "pending" and row.expires_at <= now
            row.shown_state = "expired" if over else row.state

    def action_unlock(self, reason):
        """Lift what wrong codes put on the users of these rows; the events tell the reason."""
        if not self.env.user.has_group("esms_otp.group_esms_otp_manager"):
            raise UserError(self.env._("Only a manager of signing codes may unlock users."))
        self.check_access("read")
        for user, rows in self.grouped("user_id").items():
            user._esms_otp_unlock(reason, rows[:1].company_id)
        return True

    def action_reset(self, reason):
        """Lift what holds users, numbers and record fields of these rows up; what is used stays so.

        The reason, 1 to 256 bytes of visible text, is in the events. What a clock that
        was far ahead left goes too.
        """
        if not self.env.user.has_group("esms_otp.group_esms_otp_manager"):
            raise UserError(self.env._("Only a manager of signing codes may reset them."))
        self.check_access("read")
        tenant = self.env["esms.otp.cell"]._tenant()
        try:
            for row, bindings in [(row, row._bindings(tenant)) for row in self]:
                with hearing() as events, opened(self.env.registry) as store:
                    engine().reset_user(store, tenant, str(row.user_id.id), reason)
                    for binding in bindings:
                        engine().reset_slot(store, binding, reason)
                        engine().reset_recipient(store, binding, reason)
                OdooJournal(self.env.registry, row.company_id.id).heard(events)
                _logger.info("user %s reset generation %s", self.env.uid, row.id)
        except ValueError as error:  # of the reason, before anything is lifted
            raise UserError(str(error)) from None
        return True

    def _bindings(self, tenant):
        """Return what codes of this row are bound to now; none where nothing is signed any more."""
        if self.model not in self.env:
            return []
        record = self.env[self.model].sudo().browse(self.res_id).exists()
        policy = self.env["esms.otp.policy"]._for_field(record, self.field, active_test=False)
        if not (record and policy):
            return []
        try:
            return policy._bindings(record, self.field, self.user_id, tenant)
        except NoMobile as error:
            told = f"{self.user_id.display_name}: {error}"
            raise UserError(told) from None

    @api.model
    def _send_waiting(self):
        """Send what no request came to send: its worker died, or has too much to do.

        The scheduled action. Rows tell what may wait; the engine's claim decides, and a code leaves
        once. What Odoo's queues still hold of codes that are over is deleted.
        """
        progress = self.env["ir.cron"]._commit_progress
        drop_texts(self.env)
        waiting = [("waiting_since", "<", fields.Datetime.now() - _PATIENCE)]
        rows = self.search(waiting, order="waiting_since", limit=_BATCH)
        progress(remaining=len(rows))
        for row in rows:
            try:
                row._send_now()
            except Exception as error:
                _logger.warning("generation %s still waits: %s", row.id, with_causes(error))
            if not progress(1):
                return

    def _send_now(self):
        """Send the message of a row, unless it left, is over or may not be signed any more."""
        challenge_id, send = self.generation[4:], self.sends
        journal = OdooJournal(self.env.registry, self.company_id.id)
        asked = None if self.expires_at <= fields.Datetime.now() else self._asked()
        if asked:
            record, policy = asked
            user, company = self.user_id, policy._company(record).sudo()
            answering = sending(self.env, policy, company)
            case = answering.in_order(cases(record, self.field, user, policy))
            gateway, template, subject = messages(record, self.field, user, policy, case.binding)
            if gateway is None:
                return
            named = {"subject": subject, "redirect_url": self.redirect_url}
            self.env["ir.cron"]._commit_progress()  # nothing is open while a gateway works
            answering.deliver(case, gateway, template, challenge_id, send, **named)
        journal.left(challenge_id, send)

    def _asked(self):
        """Return record and policy of a row, as its user, or None where nothing may be signed."""
        user = self.user_id
        if self.model not in self.env or not user.active:
            return None
        env = self.env(user=user.id, su=False, context={"lang": user.lang, "tz": user.tz})
        record = env[self.model].browse(self.res_id).exists()
        try:
            policy = record and env["esms.otp.policy"]._for_field(record, self.field)
            if not policy:
                return None
            record.check_access(policy.access)
            record._esms_otp_check_allowed(self.field)
        except UserError:  # AccessError is one
            return None
        return record, policy

    def _report(self, said):
        """Report what became of a message that one of Odoo's queues sent: it raises nothing."""
        try:
            challenge_id, answering = self.generation[4:], signing(self.env, self.company_id)
            # Of one recipient alone there is such a code.
            for binding in self._bindings(self.env["esms.otp.cell"]._tenant()):
                answering.report(flow.Case(binding), challenge_id, self.sends, said)
        except Exception:
            _logger.exception("the report of generation %s was lost", self.ids)

    @api.model
    def _purge(self, confirmed=False):
        """Drop cells that are over, what the settings forget, then old rows; signatures never.

        The engine drops none where the clock is far ahead of the cells: ``confirmed`` is an
        administrator's word, in `odoo-bin shell`, that the clock is right.
        """
        progress = self.env["ir.cron"]._commit_progress
        try:
            with opened(self.env.registry) as store:
                while dropped := engine().purge(store, limit=_BATCH, confirmed=confirmed):
                    if not progress(dropped):
                        return
        except otp.OtpError as error:
            # Cells that are over do no harm, and the next run takes them.
            _logger.warning("cells that are over were not all dropped: %s", with_causes(error))
        if not self.env["esms.otp.signature"]._forget(_BATCH, progress):
            return
        for model, moment, name, standard in (
            ("esms.otp.generation", "expires_at", "esms_otp.generation_days", 90),
            ("esms.otp.log", "at", "esms_otp.log_days", 400),
        ):
            days = self.env["ir.config_parameter"].sudo().get_param(name, standard)
            before = fields.Datetime.now() - timedelta(days=int(days))
            while rows := self.env[model].sudo().search([(moment, "<", before)], limit=_BATCH):
                dropped = len(rows)
                rows.unlink()
                if not progress(dropped):
                    return
