"""The tables and statements of ``otp-engine-postgres``; a test compares each with its source."""

NEWEST = 1
"""The number of the newest migration."""

# Any number that no other program is likely to lock: "otp_cell" in ASCII.
MIGRATION_LOCK = 0x6F74_705F_6365_6C6C

LAYOUT_TABLE = """
    CREATE TABLE SCHEMA.otp_layout (
        number integer PRIMARY KEY,
        migrated_at timestamptz NOT NULL DEFAULT now()
    )"""

# Each brings the layout of its number about. One that was released is never changed.
MIGRATIONS = (
    """
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
""",
)

LAYOUT_THERE = "SELECT to_regclass($1) IS NOT NULL"
LAYOUT_FOUND = "SELECT coalesce(max(number), 0) FROM SCHEMA.otp_layout"

TABLE_CHECK = r"""
    SELECT
        (SELECT string_agg(
                attname || ' ' || format_type(atttypid, NULL) || CASE WHEN attnotnull THEN '!' ELSE '' END,
                ', ' ORDER BY attnum)
            FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped),
        relpersistence = 'p',
        EXISTS (SELECT FROM pg_index
            WHERE indrelid = c.oid AND indisprimary AND indisvalid AND indnkeyatts = 1
                AND pg_get_indexdef(indexrelid, 1, false) = 'k'),
        (SELECT count(*) = 3 FROM pg_trigger
            WHERE tgrelid = c.oid AND tgname LIKE 'otp\_cell\_keep\_%' AND tgenabled IN ('O', 'A'))
    FROM pg_class c WHERE c.oid = to_regclass($1)"""  # noqa: E501

COLUMNS = "k bytea!, version bigint!, discard_after bigint, body bytea!"

SERVER_CHECK = """
    SELECT pg_is_in_recovery() AS standby,
        current_setting('fsync') AS fsync,
        current_setting('full_page_writes') AS full_page_writes,
        current_setting('transaction_read_only') AS transaction_read_only,
        current_setting('synchronous_commit') AS synchronous_commit"""

LOAD = "SELECT k, version, discard_after, body FROM SCHEMA.otp_cell WHERE k = ANY($1)"

# Inserts and updates in one pass, in the order of the keys, so that no two commits can wait in a
# ring. A cell that is not as expected is missing in `done`; then the division by zero undoes all.
COMMIT = """
    WITH done AS (
        INSERT INTO SCHEMA.otp_cell AS c (k, version, discard_after, body)
        SELECT k, expected + 1, till, body
            FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bytea[])
                AS w (k, expected, till, body)
            ORDER BY k
        ON CONFLICT (k) DO UPDATE
            SET version = excluded.version, discard_after = excluded.discard_after,
                body = excluded.body
            WHERE c.version = excluded.version - 1
        RETURNING c.version, c.xmax = 0 AS fresh
    )
    SELECT 1 / (count(*) FILTER (WHERE fresh = (version = 1)) = $5::bigint)::int FROM done"""

HAS_CELLS = "SELECT EXISTS (SELECT FROM SCHEMA.otp_cell)"

PURGE = """
    DELETE FROM SCHEMA.otp_cell WHERE discard_after < $1 AND k = ANY(ARRAY(
        SELECT k FROM SCHEMA.otp_cell WHERE discard_after < $1
            ORDER BY discard_after LIMIT $2 FOR UPDATE SKIP LOCKED))"""
