from . import keys, main, portal, receipt, verification
