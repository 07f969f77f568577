from . import loan_application
