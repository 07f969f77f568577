from . import main, receipt
