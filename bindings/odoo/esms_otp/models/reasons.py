"""The reason that an administrator gives, as the engine takes it for a reset."""

import otp_engine as otp

from odoo.exceptions import UserError

from ..engine import engine

LONGEST = 256  # bytes


def checked(env, text):
    """Return a reason without white space around it; UserError if it is none."""
    text = (text or "").strip()
    try:
        engine().reset_user(otp.MemoryStore(), "-", "-", text)  # where nothing is to be reset
    except ValueError as error:
        told = env._("The reason must have 1 to %s bytes of visible text.", LONGEST)
        raise UserError(told) from error
    return text
