"""The limits of users and numbers over all their records, as settings of the database."""

import otp_engine as otp

PREFIX = "esms_otp."
#: Each with its default. Those of sends are above the engine's own: one borrower may have a handful
#: of documents to sign in a row, and each needs a code of its own. What they cost is messages that
#: whoever has stolen a login can cause. Those of wrong codes are the engine's: they are what stands
#: between a guesser and a signature.
DEFAULTS = {
    "recipient_sends_per_ten_minutes": 10,
    "recipient_sends_per_day": 30,
    "user_sends_per_hour": 20,
    "user_failures_per_day": 15,
    "recipient_failures_per_day": 15,
    "consecutive_failures": 100,
}


def of(env) -> dict[str, int]:
    """Return the limits that are set; ValueError names one that is no number or out of bounds."""
    parameters = env["ir.config_parameter"].sudo()
    found = {}
    for name, default in DEFAULTS.items():
        value = parameters.get_param(PREFIX + name, default)
        try:
            found[name] = int(value)
        except ValueError:
            raise ValueError(f"the parameter {PREFIX}{name} is no whole number") from None
    otp.RateLimits(**found)
    return found
