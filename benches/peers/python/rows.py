"""The Python rows of `cargo xtask bench`: one JSON line for each on stdout.

`rows.py [oath] [otp] [memory] [--rounds N] [--quick]`, with the package on the path,
`OTP_ENGINE_LIBRARY` and `OTP_FLOOR_LIBRARY` naming the two shared libraries, and requirements.txt
installed: a peer that is absent is reported as skipped. Each section is best run in a process of
its own; medians, ratios and verdicts are the runner's.
"""

import argparse
import sys

import memory
from measure import Effort, begin, load_floor

SECTIONS = ("oath", "otp", "memory")


def main() -> int:
    """Measure the chosen sections."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", help=f"of {', '.join(SECTIONS)}; all by default")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    unknown = [name for name in given.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"unknown section {unknown[0]!r}")
    effort = Effort(given.rounds or (2 if given.quick else Effort.rounds), given.quick)
    begin(effort)
    chosen = given.sections or SECTIONS
    if "memory" in chosen:  # first: what others leave behind would be filled again
        memory.rows(effort)
    if {"oath", "otp"} & set(chosen):
        import oath_rows
        import otp_rows

        floor = load_floor()
        if "oath" in chosen:
            oath_rows.rows(effort, floor)
        if "otp" in chosen:
            otp_rows.rows(effort, floor)
    return 0


if __name__ == "__main__":
    sys.exit(main())
