SELECT to_regclass('SCHEMA.otp_layout') IS NOT NULL
