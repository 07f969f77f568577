-- Finds its rows and deletes them by their places, one plan whatever the statistics say: the
-- subquery is an array, so it runs once, and neither the rows nor `LIMIT` depend on a join. No
-- index fits `coalesce`, which keeps a cell whose end was moved in the meantime.
DELETE FROM SCHEMA.otp_cell WHERE coalesce(discard_after < $1, false) AND ctid = ANY(ARRAY(
    SELECT ctid FROM SCHEMA.otp_cell WHERE discard_after < $1
        ORDER BY discard_after LIMIT $2 FOR UPDATE SKIP LOCKED))
