-- Room on each page keeps an update on its page (HOT), and the indexes unchanged.
CREATE TABLE SCHEMA.otp_cell (
    k bytea PRIMARY KEY CHECK (octet_length(k) = 32),
    version bigint NOT NULL CHECK (version > 0),
    discard_after bigint,
    body bytea NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX otp_cell_broom ON SCHEMA.otp_cell (discard_after)
    WHERE discard_after IS NOT NULL;

-- Against mistakes, and against roles that may write and do nothing else.
CREATE FUNCTION SCHEMA.otp_cell_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'otp_cell: % would undo what must be kept', TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER otp_cell_keep_rows BEFORE DELETE ON SCHEMA.otp_cell
    FOR EACH ROW WHEN (old.discard_after IS NULL)
    EXECUTE FUNCTION SCHEMA.otp_cell_refuse();
CREATE TRIGGER otp_cell_keep_versions BEFORE UPDATE ON SCHEMA.otp_cell
    FOR EACH ROW WHEN (
        new.version <> old.version + 1
        OR new.k <> old.k
        OR (old.discard_after IS NULL AND new.discard_after IS NOT NULL)
    )
    EXECUTE FUNCTION SCHEMA.otp_cell_refuse();
CREATE TRIGGER otp_cell_keep_table BEFORE TRUNCATE ON SCHEMA.otp_cell
    FOR EACH STATEMENT EXECUTE FUNCTION SCHEMA.otp_cell_refuse();

INSERT INTO SCHEMA.otp_layout (number) VALUES (1);
