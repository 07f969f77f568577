{
    "name": "eSMS OTP demo: loan applications",
    "summary": "A small model that customers sign with a one-time code",
    "version": "19.0.1.0.0",
    "category": "Tools",
    "author": "The otp-engine authors",
    "license": "LGPL-3",
    "development_status": "Beta",
    "depends": ["esms_otp"],
    "data": [
        "security/ir.model.access.csv",
        "security/loan_application_rules.xml",
        "data/res_users.xml",
        "data/esms_otp_gateway.xml",
        "data/esms_otp_policy.xml",
        "data/loan_application.xml",
        "views/loan_application_views.xml",
    ],
}
