import logging
from datetime import timedelta

import otp_engine as otp
from otp_engine.esms.events import hearing
from otp_engine.esms.flow import with_causes

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain

from ..engine import engine
from ..journal import OdooJournal
from ..projection import Projection, digest
from ..store import opened

_logger = logging.getLogger(__name__)
# What an erasure takes: the details of a person, and the signature that they drew.
PERSONAL = ("name", "typed", "number", "email", "ip", "agent")


def masked(number):
    """Return a number of which the last four digits alone are shown."""
    return "*" * max(0, len(number) - 4) + number[-4:]


class EsmsOtpSignature(models.Model):
    """A signature record beside the engine's own: the record is the truth, this its index."""

    _name = "esms.otp.signature"
    _description = "OTP Signature"
    _rec_name = "generation"
    _order = "verified_at desc, id desc"
    _log_access = False  # who and when are in the record; there is no other write

    # A new stored field must have no default: filling it would meet the trigger below.
    model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference("Record", model_field="model", required=True, readonly=True)
    field = fields.Char(required=True, readonly=True)
    user_id = fields.Many2one("res.users", required=True, readonly=True, ondelete="restrict")
    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="restrict")
    generation = fields.Char(required=True, readonly=True)
    n = fields.Integer("Number", readonly=True, help="Its place among those of the record field.")
    verified_at = fields.Datetime(required=True, readonly=True)
    record = fields.Text("Signature Record", required=True, readonly=True, help="A JWS.")
    disclosures = fields.Text(
        readonly=True,
        groups="esms_otp.group_esms_otp_officer",
        help="The personal details that the record commits to; an erasure takes them.",
    )
    signer_name = fields.Char(readonly=True)
    recipient = fields.Char(readonly=True, groups="esms_otp.group_esms_otp_officer")
    mobile = fields.Char(
        compute="_compute_mobile",
        compute_sudo=True,
        help="Its last four digits alone for all but the signer and officers.",
    )
    record_name = fields.Char("Name of the record", compute="_compute_record_name")
    standing = fields.Selection(
        [
            ("current", "As signed"),
            ("stale", "Changed after signing"),
            ("unbound", "Without signed content"),
            ("gone", "The record is gone"),
        ],
        compute="_compute_standing",
        compute_sudo=True,
        help="How the record stands to what was signed.",
    )
    image = fields.Binary(
        "Stored Image", attachment=False, readonly=True, groups="esms_otp.group_esms_otp_officer"
    )
    drawing = fields.Binary(
        "Captured Signature",
        compute="_compute_drawing",
        compute_sudo=True,
        help="By the settings for whoever reads the record, or for the signer and officers alone.",
    )
    # The web client's image widget asks each model for it.
    write_date = fields.Datetime("Last Updated on", related="verified_at")

    _generation_unique = models.UniqueIndex("(generation)")
    _record_index = models.Index("(model, res_id, field)")

    def init(self):
        # Guards in Python bind Python alone. To null what an erasure takes is all that is left;
        # disclosures may only become fewer. Nothing here is newer than PostgreSQL 13, which has no
        # CREATE OR REPLACE TRIGGER; the lock that the drop takes is held until the commit.
        self.env.cr.execute(
            """
            CREATE OR REPLACE FUNCTION esms_otp_signature_keep() RETURNS trigger AS $$
            DECLARE
                erasable CONSTANT text[] :=
                    ARRAY['signer_name', 'recipient', 'disclosures', 'image'];
            BEGIN
                IF TG_OP = 'UPDATE'
                    AND to_jsonb(NEW) - erasable = to_jsonb(OLD) - erasable
                    AND (NEW.signer_name IS NULL OR NEW.signer_name = OLD.signer_name)
                    AND (NEW.recipient IS NULL OR NEW.recipient = OLD.recipient)
                    AND (NEW.image IS NULL OR NEW.image = OLD.image)
                    AND (NEW.disclosures IS NULL OR string_to_array(NEW.disclosures, E'\\n')
                        <@ string_to_array(OLD.disclosures, E'\\n'))
                THEN
                    RETURN NEW;
                END IF;
                RAISE EXCEPTION 'signatures are kept: % refused', TG_OP
                    USING ERRCODE = 'restrict_violation';
            END $$ LANGUAGE plpgsql;
            DROP TRIGGER IF EXISTS esms_otp_signature_keep_row ON esms_otp_signature;
            CREATE TRIGGER esms_otp_signature_keep_row
                BEFORE UPDATE OR DELETE ON esms_otp_signature
                FOR EACH ROW EXECUTE FUNCTION esms_otp_signature_keep();
            DROP TRIGGER IF EXISTS esms_otp_signature_keep_all ON esms_otp_signature;
            CREATE TRIGGER esms_otp_signature_keep_all
                BEFORE TRUNCATE ON esms_otp_signature
                FOR EACH STATEMENT EXECUTE FUNCTION esms_otp_signature_keep();
            """
        )

    @api.depends_context("uid")
    def _compute_record_name(self):
        for row in self:
            model = self.env.get(row.model)
            record = None if model is None else model.browse(row.res_id).exists()
            row.record_name = record.display_name if record and record.has_access("read") else False

    def _compute_standing(self):
        for row in self:
            model = self.env.get(row.model)
            record = None if model is None else model.browse(row.res_id).exists()
            if not record or not hasattr(record, "_esms_otp_compared"):
                row.standing = "gone"
                continue
            row.standing = record._esms_otp_compared(row.field, digest(row.record, row.disclosures))

    @api.depends_context("uid")
    def _compute_drawing(self):
        signer = self._images_of()
        for row in self:
            row.drawing = row.image if signer in (None, row.user_id.id) else False

    @api.model
    def _images_of(self):
        """Return the signer whose images the user may see, of what the user may read; None: all."""
        is_officer = self.env.user.has_group("esms_otp.group_esms_otp_officer")
        return None if self._images_are_open() or is_officer else self.env.uid

    @api.model
    def _images_are_open(self):
        """Say whether images are for whoever may read the record."""
        parameters = self.env["ir.config_parameter"].sudo()
        return parameters.get_param("esms_otp.image_access", "record") == "record"

    @api.depends_context("uid")
    def _compute_mobile(self):
        whole = self.env.user.has_group("esms_otp.group_esms_otp_officer")
        for row in self:
            shown = row.recipient or ""
            row.mobile = shown if whole or row.user_id == self.env.user else masked(shown)

    @api.model
    def _visible(self):
        """Return the domain of what the user may read: access to a signature follows its record.

        Whoever may read a record and its field may read what was signed there. Officers read all of
        their companies, and users of signing codes their own, whatever became of the record.
        """
        ours = Domain("company_id", "in", self.env.companies.ids)
        if self.env.user.has_group("esms_otp.group_esms_otp_officer"):
            visible = ours
        elif self.env.user.has_group("esms_otp.group_esms_otp_user"):
            visible = ours & Domain("user_id", "=", self.env.uid)
        else:
            visible = Domain.FALSE
        signed = self.env.registry["esms.otp.mixin"]
        for name, kind in self.env.registry.items():
            model = self.env[name]
            if kind._abstract or not issubclass(kind, signed) or not model.has_access("read"):
                continue
            hidden = [field for field in model._fields.values()
                      if not model._has_field_access(field, "read")]  # fmt: skip
            records = model.with_context(active_test=False)._search(Domain.TRUE)
            visible |= (
                Domain("model", "=", name)
                & Domain("field", "not in", [field.name for field in hidden])
                & Domain("res_id", "in", records)
            )
        return visible

    @api.model
    def _search(self, domain, *args, bypass_access=False, **named):
        if not (self.env.su or bypass_access):
            domain = Domain(domain) & self._visible()
        return super()._search(domain, *args, bypass_access=bypass_access, **named)

    def _check_access(self, operation):
        refused = super()._check_access(operation)
        if refused or operation != "read" or self.env.su or not any(self._ids):
            return refused
        hidden = self - self.browse(list(self._search([("id", "in", self.ids)])))
        if not hidden:
            return None

        def error():
            text = self.env._("You may read a signature where you may read what was signed.")
            return AccessError(text)

        return hidden, error

    @api.model_create_multi
    def create(self, vals_list):  # pylint: disable=method-required-super
        raise UserError(self.env._("A signature is made by verifying a code, and in no other way."))

    def write(self, vals):  # pylint: disable=method-required-super
        raise UserError(self.env._("Signatures are kept as they are."))

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(self.env._("Signatures are kept."))

    def action_erase(self):
        """Erase the personal details of these signatures; the records verify as before."""
        if not self.env.user.has_group("esms_otp.group_esms_otp_manager"):
            raise UserError(self.env._("Only a manager of signing codes may erase details."))
        self.check_access("read")
        for row in self:
            row._erase()
            _logger.info("user %s erased details of signature %s", self.env.uid, row.id)
        self.invalidate_model()
        return True

    def _erase(self):
        tenant = self.env["esms.otp.cell"]._tenant()
        with (
            hearing() as events,
            opened(self.env.registry, Projection(drop_image=True)) as store,
        ):
            target = otp.Target(self.model, self.field, str(self.res_id))
            engine().erase(store, tenant, target, self.n, PERSONAL)
        OdooJournal(self.env.registry, self.company_id.id).heard(events)
        self.env["esms.otp.certificate.note"]._renew(self)

    @api.model
    def _forget(self, batch, progress):
        """Erase what is older than the settings say; False where the time of the run is over.

        A setting of 0 keeps for ever. The records stay, and verify as before.
        """
        parameters = self.env["ir.config_parameter"].sudo()
        for setting, column, erase in (
            ("detail_days", "recipient", EsmsOtpSignature._erase),
            ("image_days", "image", EsmsOtpSignature._drop_image),
        ):
            days, last = int(parameters.get_param(f"esms_otp.{setting}", 0)), 0
            before = fields.Datetime.now() - timedelta(days=days)
            old = [(column, "!=", False), ("verified_at", "<", before)]
            while days > 0 and (
                rows := self.sudo().search([*old, ("id", ">", last)], order="id", limit=batch)
            ):
                try:
                    for row in rows:
                        erase(row)
                except otp.OtpError as error:  # the next run takes them
                    _logger.warning("details were not all erased: %s", with_causes(error))
                    return True
                last = rows[-1].id
                if not progress(len(rows)):
                    return False
        return True

    def _drop_image(self):
        self.env.cr.execute("UPDATE esms_otp_signature SET image = NULL WHERE id = %s", [self.id])
        self.env["esms.otp.certificate.note"]._renew(self)

    def action_certificate(self):
        """Show the certificate of all signatures of the record that the user may read."""
        self.ensure_one()
        return {"type": "ir.actions.act_url", "url": f"/esms_otp/certificate/{self.id}"}

    def _of_record(self):
        """Return all signatures of this one's record that the user may read."""
        self.ensure_one()
        return self.search([("model", "=", self.model), ("res_id", "=", self.res_id)])
