SELECT coalesce(max(number), 0) FROM SCHEMA.otp_layout
