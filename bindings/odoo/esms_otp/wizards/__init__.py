from . import reset
