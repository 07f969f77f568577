from . import drop, reset
