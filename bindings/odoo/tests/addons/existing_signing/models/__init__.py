from . import loan_application, old_signature, res_users
