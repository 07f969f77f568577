{
    "name": "eSMS OTP: planted faults",
    "summary": "Lets the black-box tests fail a request at a chosen step; for test servers only",
    "version": "19.0.1.0.0",
    "category": "Hidden",
    "author": "The otp-engine authors",
    "license": "LGPL-3",
    "depends": ["esms_otp_demo"],
    "installable": True,
}
