from . import certificate, keys, main, portal, receipt, verification
