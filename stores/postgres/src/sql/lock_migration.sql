-- Any number that no other program is likely to lock: "otp_cell" in ASCII.
SELECT pg_advisory_xact_lock(x'6f74705f63656c6c'::bigint)
