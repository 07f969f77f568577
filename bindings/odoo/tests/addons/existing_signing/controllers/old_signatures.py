from datetime import timezone

from otp_engine.esms import contract

from odoo.http import request


def old(asked):
    loan = [("loan_id", "=", asked.id)]  # whose loan it is was looked at before
    row = request.env["old.signature"].sudo().search(loan, order="id desc", limit=1)
    return row and contract.signature(
        signature_id=row.id,
        challenge_id=row.generation.removeprefix("gen_"),
        verified_at=row.verified_at.replace(tzinfo=timezone.utc),
        signer_name=row.signer_name,
        image=None,
        recipient=row.mobile,
        jws=None,  # nothing proves it, and Get says so
        mask=False,
    )
