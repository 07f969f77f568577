"""What imports no Odoo, tested where there is none."""

import sys
from pathlib import Path

ADDON = Path(__file__).parents[1] / "esms_otp"

# The folder itself: importing it as a package would run its `__init__`, which imports Odoo.
sys.path.insert(0, str(ADDON))
