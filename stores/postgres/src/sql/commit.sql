-- Compares all versions under the rows' locks, taken in the order of the keys, so that no two
-- commits can wait in a ring; then writes all, or none and says 0. Where another commit inserts a
-- row amid this, it is missing in `done`, and the division by zero undoes all.
--
-- What the commit rests on is set here, for its transaction alone, whatever the session holds:
-- that it is flushed, and that a wait for a standby which is cut short is told. A lost race has
-- nothing to flush.
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
    FROM fits
