from . import ir_http, loan_application
