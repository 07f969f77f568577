//! The tables, and how a database gets from one layout to the next.

use tokio_postgres::{Client, GenericClient, error::SqlState, types::Type};

use crate::open::{OpenError, Reason};

/// Brings the schema to the newest layout; does nothing where it is there already.
pub(crate) async fn migrate(client: &mut Client, schema: &str) -> Result<(), OpenError> {
    let transaction = client.transaction().await?;
    transaction
        .query_typed(
            "SELECT pg_advisory_xact_lock($1)",
            &[(&MIGRATION_LOCK, Type::INT8)],
        )
        .await?;
    // Asked first: even `IF NOT EXISTS` needs the right to make what is there.
    let there = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)";
    let row = transaction
        .query_typed_one(there, &[(&schema, Type::TEXT)])
        .await?;
    if !row.get::<_, bool>(0) {
        transaction
            .batch_execute(&format!("CREATE SCHEMA {schema}"))
            .await?;
    }
    let found = match found(&transaction, schema).await? {
        Some(layout) => layout,
        None => {
            transaction
                .batch_execute(&LAYOUT_TABLE.replace("SCHEMA", schema))
                .await?;
            0
        }
    };
    if found > NEWEST {
        return Err(Reason::Layout(Some(found)).into());
    }
    for (number, migration) in (1..).zip(MIGRATIONS).filter(|(number, _)| *number > found) {
        transaction
            .batch_execute(&migration.replace("SCHEMA", schema))
            .await?;
        let note = format!("INSERT INTO {schema}.otp_layout (number) VALUES ($1)");
        transaction
            .execute_typed(&note, &[(&number, Type::INT4)])
            .await?;
    }
    Ok(transaction.commit().await?)
}

/// Checks that the table is there, is what this version writes to, and survives a crash.
pub(crate) async fn check(client: &Client, schema: &str) -> Result<(), OpenError> {
    match found(client, schema).await? {
        Some(layout) if is_known(layout, NEWEST) => {}
        other => return Err(Reason::Layout(other).into()),
    }
    let table = format!("{schema}.otp_cell");
    let row = client
        .query_typed_opt(TABLE_CHECK, &[(&table, Type::TEXT)])
        .await?
        .ok_or(Reason::Layout(None))?;
    let columns: Option<String> = row.get(0);
    for (at, what) in [
        (1, "it is not logged: a crash empties it"),
        (2, "its column k is no primary key"),
        (3, "its triggers are missing or disabled"),
    ] {
        if !row.get::<_, bool>(at) {
            return Err(Reason::Table(what).into());
        }
    }
    if columns.as_deref() != Some(COLUMNS) {
        return Err(Reason::Table("it has other columns").into());
    }
    Ok(())
}

/// Returns the layout of the schema; `None` where there is none.
async fn found(client: &impl GenericClient, schema: &str) -> Result<Option<i32>, OpenError> {
    let table = format!("{schema}.otp_layout");
    let there = client
        .query_typed_one(
            "SELECT to_regclass($1) IS NOT NULL",
            &[(&table, Type::TEXT)],
        )
        .await?;
    if !there.get::<_, bool>(0) {
        return Ok(None);
    }
    let newest = format!("SELECT coalesce(max(number), 0) FROM {table}");
    match client.query_typed_one(&newest, &[]).await {
        Ok(row) => Ok(Some(row.get(0))),
        Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            Err(Reason::Grants(error).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Says whether a version whose newest layout is `newest` works with this one: with that and with
/// the one before, so that services are replaced first, and the schema is migrated after the last.
const fn is_known(layout: i32, newest: i32) -> bool {
    layout >= 1 && layout <= newest && layout >= newest - 1
}

/// Returns the layouts that this version works with, as text.
pub(crate) fn known() -> String {
    let known = (1..=NEWEST).filter(|layout| is_known(*layout, NEWEST));
    known
        .map(|it| it.to_string())
        .collect::<Vec<_>>()
        .join(" and ")
}

/// The number of the newest migration.
pub(crate) const NEWEST: i32 = 1;
const _: () = assert!(MIGRATIONS.len() == 1);

/// Any number that no other program is likely to lock: "otp_cell" in ASCII.
const MIGRATION_LOCK: i64 = 0x6f74_705f_6365_6c6c;

const LAYOUT_TABLE: &str = "
    CREATE TABLE SCHEMA.otp_layout (
        number integer PRIMARY KEY,
        migrated_at timestamptz NOT NULL DEFAULT now()
    )";

/// Each brings the layout of its number about. One that was released is never changed.
const MIGRATIONS: &[&str] = &["
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
"];

const TABLE_CHECK: &str = "
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
            WHERE tgrelid = c.oid AND tgname LIKE 'otp\\_cell\\_keep\\_%' AND tgenabled IN ('O', 'A'))
    FROM pg_class c WHERE c.oid = to_regclass($1)";

const COLUMNS: &str = "k bytea!, version bigint!, discard_after bigint, body bytea!";

#[cfg(test)]
mod tests {
    use super::*;

    /// The newest and the one before; never none at all, and never one of a later version.
    #[test]
    fn case_232_a_version_works_with_its_layout_and_the_one_before() {
        for (newest, known) in [(1, &[1][..]), (2, &[1, 2]), (3, &[2, 3])] {
            let all = (-1..9).filter(|layout| is_known(*layout, newest));
            assert_eq!(all.collect::<Vec<_>>(), known);
        }
    }
}
