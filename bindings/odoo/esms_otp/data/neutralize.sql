-- A copy of the database must send nothing, and accept no code that is live in the original.
UPDATE esms_otp_gateway SET provider = 'log', show_codes = false, "user" = NULL, password = NULL;
DELETE FROM esms_otp_cell WHERE discard_after IS NOT NULL;
