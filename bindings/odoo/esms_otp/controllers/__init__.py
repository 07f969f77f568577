from . import main, portal, receipt
