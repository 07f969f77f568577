"""The reason that an administrator gives, as the engine takes it for a reset."""

from odoo.exceptions import UserError

LONGEST = 256  # bytes


def checked(env, text):
    """Return a reason without white space around it; UserError if it is none."""
    text = (text or "").strip()
    if not (text and text.isprintable() and len(text.encode()) <= LONGEST):
        raise UserError(env._("The reason must have 1 to %s bytes of visible text.", LONGEST))
    return text
