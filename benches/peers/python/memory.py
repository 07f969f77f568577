"""What a live code takes in a Python dict; in a process of its own."""

from baseline import Plain, members
from measure import Effort, figure


def rows(effort: Effort) -> None:
    """Issue, and look at the resident size before and after."""
    count, side = effort.of(1_000_000, 2_000), Plain()
    before = _resident()
    for at in range(count):
        side.issue(members(at))
    figure(
        "memory for each live code, 1 M live", "Python dict", (_resident() - before) / count, "B"
    )


def _resident() -> int:
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024
