SELECT k, version, discard_after, body FROM SCHEMA.otp_cell WHERE k = ANY($1)
