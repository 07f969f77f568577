CREATE TABLE SCHEMA.otp_layout (
    number integer PRIMARY KEY,
    migrated_at timestamptz NOT NULL DEFAULT now()
)
