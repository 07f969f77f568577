import secrets

from odoo import api, models
from odoo.exceptions import UserError

from ..engine import engine
from ..store import OdooStore

_OLDEST_POSTGRES = 13  # as Odoo 19's own


class EsmsOtpCell(models.AbstractModel):
    """Makes the tables of the engine, which are no models: no RPC, no cache, kept on uninstall."""

    _name = "esms.otp.cell"
    _description = "OTP engine tables"

    def init(self):
        cr = self.env.cr
        found = cr.connection.server_version // 10000
        if found < _OLDEST_POSTGRES:
            raise UserError(
                self.env._(
                    "PostgreSQL %(found)s is too old: signing codes need %(oldest)s or later.",
                    found=found,
                    oldest=_OLDEST_POSTGRES,
                )
            )
        # Short rows that are rewritten often: room on the page spares the index the update.
        cr.execute(
            """CREATE TABLE IF NOT EXISTS esms_otp_cell (
                key bytea PRIMARY KEY CHECK (octet_length(key) = 32),
                version bigint NOT NULL,
                discard_after bigint,
                body bytea NOT NULL
            ) WITH (fillfactor = 70)"""
        )
        cr.execute(
            """CREATE INDEX IF NOT EXISTS esms_otp_cell_discard_after
            ON esms_otp_cell (discard_after) WHERE discard_after IS NOT NULL"""
        )
        # Neither database.uuid, which a copy changes, nor a parameter, which an administrator may:
        # with another tenant all signatures of the database would be out of reach.
        cr.execute(
            """CREATE TABLE IF NOT EXISTS esms_otp_tenant (
                id text NOT NULL,
                one boolean PRIMARY KEY DEFAULT true CHECK (one)
            )"""
        )
        cr.execute(
            "INSERT INTO esms_otp_tenant (id) VALUES (%s) ON CONFLICT DO NOTHING",
            [secrets.token_hex(16)],
        )

    @api.model
    def _adopt_store(self):
        """Take the cells over as those of the key file: once, for cells from before the mark.

        For an administrator, in `odoo-bin shell`. Nothing can check that the keys are theirs.
        """
        with OdooStore(self.env.registry) as store:
            return engine().adopt_store(store).keys

    @api.model
    def _begin_store(self):
        """Begin anew with the key file, giving up all codes, limits and signature records.

        For an administrator, in `odoo-bin shell`. The rows of signatures stay, unproven.
        """
        with OdooStore(self.env.registry) as store:
            return engine().begin_store(store).keys

    @api.model
    def _tenant(self):
        """Return the name of this database within the engine."""
        self.env.cr.execute("SELECT id FROM esms_otp_tenant")
        return self.env.cr.fetchone()[0]
