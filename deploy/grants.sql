-- What the roles of the service may do (docs/operations.md); as the owner of the tables.
GRANT USAGE ON SCHEMA otp_engine TO otp_app, otp_purge;
GRANT SELECT ON otp_engine.otp_layout TO otp_app, otp_purge;
GRANT SELECT, INSERT, UPDATE ON otp_engine.otp_cell TO otp_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON otp_engine.otp_cell TO otp_purge;
