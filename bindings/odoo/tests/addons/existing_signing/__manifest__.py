{
    "name": "A back end that signed before",
    "summary": "The controller that docs/existing-backends.md prints; for test servers only",
    "version": "19.0.1.0.0",
    "category": "Hidden",
    "author": "The otp-engine authors",
    "license": "LGPL-3",
    "depends": ["web", "portal"],
    "data": ["security/ir.model.access.csv"],
    "installable": True,
}
