"""The tables and statements of ``otp-engine-postgres``; a test compares each with its source."""

NEWEST = 1
"""The number of the newest migration."""


def is_known(found: int, newest: int = NEWEST) -> bool:
    """Say whether a version works with a layout: with its newest one, and with the one before.

    So services are replaced first, and the schema is migrated after the last.
    """
    return 1 <= found <= newest and found >= newest - 1


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

# What the server's owner wants of a session, not what somebody set in it.
SERVER_CHECK = """
    SELECT pg_is_in_recovery() AS standby,
        max(reset_val) FILTER (WHERE name = 'fsync') AS fsync,
        max(reset_val) FILTER (WHERE name = 'full_page_writes') AS full_page_writes,
        max(reset_val) FILTER (WHERE name = 'default_transaction_read_only') AS
            transaction_read_only,
        max(reset_val) FILTER (WHERE name = 'synchronous_commit') AS synchronous_commit,
        pg_backend_pid() AS process
        FROM pg_catalog.pg_settings"""

LOAD = "SELECT k, version, discard_after, body FROM SCHEMA.otp_cell WHERE k = ANY($1)"

# Compares all versions under the rows' locks, taken in the order of the keys, so that no two
# commits can wait in a ring; then writes all, or none and says 0. Where another commit inserts a
# row amid this, it is missing in `done`, and the division by zero undoes all. What the commit rests
# on is set here, for its transaction alone, whatever the session holds.
COMMIT = """
    WITH wanted AS MATERIALIZED (
        SELECT k, expected, till, body
            FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bytea[])
                AS w (k, expected, till, body)
    ), there AS MATERIALIZED (
        SELECT k, version FROM SCHEMA.otp_cell WHERE k = ANY($1) ORDER BY k FOR UPDATE
    ), fits AS MATERIALIZED (
        SELECT NOT EXISTS (
            SELECT FROM wanted LEFT JOIN there USING (k) WHERE expected <> coalesce(version, 0)
        ) AS all_do
    ), done AS (
        INSERT INTO SCHEMA.otp_cell AS c (k, version, discard_after, body)
        SELECT k, expected + 1, till, body FROM wanted WHERE (SELECT all_do FROM fits) ORDER BY k
        ON CONFLICT (k) DO UPDATE
            SET version = excluded.version, discard_after = excluded.discard_after,
                body = excluded.body
            WHERE c.version = excluded.version - 1
        RETURNING 1
    )
    SELECT CASE WHEN all_do THEN 1 / ((SELECT count(*) FROM done) = $5::bigint)::int ELSE 0 END,
        set_config('synchronous_commit', CASE WHEN all_do THEN 'DURABILITY' ELSE 'off' END, true),
        set_config('client_min_messages', 'warning', true)
        FROM fits"""

HAS_CELLS = "SELECT EXISTS (SELECT FROM SCHEMA.otp_cell)"

# By places that an array holds: the subquery runs once, and the plan is one whatever the statistics
# say. No index fits `coalesce`, which keeps a cell whose end was moved in the meantime.
PURGE = """
    DELETE FROM SCHEMA.otp_cell WHERE coalesce(discard_after < $1, false) AND ctid = ANY(ARRAY(
        SELECT ctid FROM SCHEMA.otp_cell WHERE discard_after < $1
            ORDER BY discard_after LIMIT $2 FOR UPDATE SKIP LOCKED))"""
