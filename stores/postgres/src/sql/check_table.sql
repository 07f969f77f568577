-- Whether the table is logged, has its key, its triggers, and the columns that the store writes.
SELECT
    relpersistence = 'p',
    EXISTS (SELECT FROM pg_index
        WHERE indrelid = c.oid AND indisprimary AND indisvalid AND indnkeyatts = 1
            AND pg_get_indexdef(indexrelid, 1, false) = 'k'),
    (SELECT count(*) = 3 FROM pg_trigger
        WHERE tgrelid = c.oid AND tgname LIKE 'otp\_cell\_keep\_%' AND tgenabled IN ('O', 'A')),
    (SELECT coalesce(string_agg(
            attname || ' ' || format_type(atttypid, NULL) || CASE WHEN attnotnull THEN '!' ELSE '' END,
            ', ' ORDER BY attnum), '') = 'k bytea!, version bigint!, discard_after bigint, body bytea!'
        FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)
FROM pg_class c WHERE c.oid = to_regclass('SCHEMA.otp_cell')
