from . import faults, models
