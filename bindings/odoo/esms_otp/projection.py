"""The row of a signature record: the record is the truth, this its index."""

import base64
from datetime import datetime, timezone

from otp_engine.esms import contract, signed_record
from otp_engine.esms.flow import SignedAlready

_INSERT = """INSERT INTO esms_otp_signature (
    model, field, res_id, user_id, company_id, generation, n, verified_at, record, disclosures,
    signer_name, recipient, image)
VALUES (%(model)s, %(field)s, %(res_id)s, %(user_id)s, %(company_id)s, %(generation)s, %(n)s,
    %(verified_at)s, %(record)s, %(disclosures)s, %(signer_name)s, %(recipient)s, %(image)s)
RETURNING id"""
_NEWEST = """SELECT record, disclosures FROM esms_otp_signature
WHERE model = %(model)s AND field = %(field)s AND res_id = %(res_id)s ORDER BY n DESC LIMIT 1"""
_ERASE = """UPDATE esms_otp_signature SET disclosures = %(disclosures)s,
    signer_name = CASE WHEN %(signer_name)s IS NULL THEN NULL ELSE signer_name END,
    recipient = CASE WHEN %(recipient)s IS NULL THEN NULL ELSE recipient END,
    image = CASE WHEN %(drop_image)s THEN NULL ELSE image END
WHERE record = %(record)s"""
# Written with the signature, in its commit. The request that signed runs what follows first, so
# that the scheduled action comes a minute later.
_OWED = """INSERT INTO esms_otp_outbox (signature_id, company_id, state, attempts, next_at)
VALUES (%(signature_id)s, %(company_id)s, 'waiting', 0,
    now() AT TIME ZONE 'UTC' + interval '1 minute')"""


class Projection:
    """The row of a signature record, written in the commit that writes the record.

    With it goes the row of the outbox: what follows is owed if and only if there is a signature.

    ``once`` says that what is signed is not signed again, unless its content has changed.
    """

    def __init__(self, company_id=None, image=None, drop_image=False, once=False):
        self.company_id = company_id
        self.image = image
        self.drop_image = drop_image
        self.once = once
        self.signature_id = None

    def __call__(self, cr, write):
        values = _columns(write.body)
        values["drop_image"] = self.drop_image
        if write.expected:  # an erasure: what was signed stays, details of a person go
            cr.execute(_ERASE, values, log_exceptions=False)
            return
        if self.once:
            self._check_first(cr, values)
        values["company_id"] = self.company_id
        # The ORM keeps the base64 text of a binary in its bytea.
        values["image"] = base64.b64encode(self.image) if self.image else None
        cr.execute(_INSERT, values, log_exceptions=False)
        self.signature_id = values["signature_id"] = cr.fetchone()[0]
        cr.execute(_OWED, values, log_exceptions=False)

    def _check_first(self, cr, values):
        # The commit has written the page of the field, whose row is locked until it ends: whoever
        # signs at the same time waits for it, or was seen here.
        cr.execute(_NEWEST, values, log_exceptions=False)
        for before in cr.fetchall():
            signed, now = digest(*before), digest(values["record"], values["disclosures"])
            if None in (signed, now) or signed == now:
                raise SignedAlready("what is signed once was signed meanwhile")


def digest(jws, disclosures):
    """Return the digest of what a row's record approves; None where nothing says what."""
    return signed_record.content_digest(jws, (disclosures or "").splitlines())


def _columns(body):
    jws, disclosures = signed_record.stored(body)
    said, details = signed_record.payload(jws), signed_record.details(disclosures)
    return {
        "model": said["ref"]["model"],
        "field": said["ref"]["field"],
        "res_id": int(said["ref"]["record"]),
        "user_id": int(said["who"]["user"]),
        "generation": contract.generation_id(said["otp"]["id"]),
        "n": said["n"],
        "verified_at": datetime.fromtimestamp(said["iat"], timezone.utc).replace(tzinfo=None),
        "record": jws,
        "disclosures": "\n".join(disclosures) or None,
        "signer_name": details.get("typed") or details.get("name"),
        "recipient": details.get("number") or details.get("email"),
    }
