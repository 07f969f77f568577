//! The tables, and how a database gets from one layout to the next.

use tokio_postgres::{Client, GenericClient, error::SqlState};

use crate::{
    error::{OpenError, Reason},
    statements::{
        CHECK_TABLE, FIND_LAYOUT, HAS_LAYOUT, HAS_SCHEMA, LAYOUT_TABLE, LOCK_MIGRATION, MIGRATIONS,
        in_schema,
    },
};

/// Brings the schema to the newest layout; does nothing where it is there already.
pub(crate) async fn migrate(client: &mut Client, schema: &str) -> Result<(), OpenError> {
    let transaction = client.transaction().await?;
    transaction.batch_execute(LOCK_MIGRATION).await?;
    // Asked first: even `IF NOT EXISTS` needs the right to make what is there.
    if !is_so(&transaction, HAS_SCHEMA, schema).await? {
        let create = format!("CREATE SCHEMA {schema}");
        transaction.batch_execute(&create).await?;
    }
    let found = match found(&transaction, schema).await? {
        Some(layout) => layout,
        None => {
            let create = in_schema(LAYOUT_TABLE, schema);
            transaction.batch_execute(&create).await?;
            0
        }
    };
    if found > NEWEST {
        return Err(unknown(found).into());
    }
    for (_, migration) in (1..).zip(MIGRATIONS).filter(|(number, _)| *number > found) {
        let migration = in_schema(migration, schema);
        transaction.batch_execute(&migration).await?;
    }
    Ok(transaction.commit().await?)
}

/// Checks that the table is there, is what this version writes to, and survives a crash.
pub(crate) async fn check(client: &Client, schema: &str) -> Result<(), OpenError> {
    match found(client, schema).await? {
        Some(layout) if is_known(layout, NEWEST) => {}
        Some(layout) => return Err(unknown(layout).into()),
        None => return Err(Reason::NoLayout.into()),
    }
    let check = in_schema(CHECK_TABLE, schema);
    let row = client.query_typed_opt(&check, &[]).await?;
    let row = row.ok_or(Reason::NoLayout)?;
    for (at, what) in [
        "it is not logged: a crash empties it",
        "its column k is no primary key",
        "its triggers are missing or disabled",
        "it has other columns",
    ]
    .into_iter()
    .enumerate()
    {
        if !row.get::<_, bool>(at) {
            return Err(Reason::Table(what).into());
        }
    }
    Ok(())
}

/// Returns the layout of the schema; `None` where there is none.
async fn found(client: &impl GenericClient, schema: &str) -> Result<Option<i32>, OpenError> {
    if !is_so(client, HAS_LAYOUT, schema).await? {
        return Ok(None);
    }
    let newest = in_schema(FIND_LAYOUT, schema);
    match client.query_typed_one(&newest, &[]).await {
        Ok(row) => Ok(Some(row.get(0))),
        Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            Err(Reason::Grants(error).into())
        }
        Err(error) => Err(error.into()),
    }
}

async fn is_so(
    client: &impl GenericClient,
    question: &str,
    schema: &str,
) -> Result<bool, OpenError> {
    let question = in_schema(question, schema);
    Ok(client.query_typed_one(&question, &[]).await?.get(0))
}

fn unknown(found: i32) -> Reason {
    let known = (1..=NEWEST).filter(|layout| is_known(*layout, NEWEST));
    let known: Vec<_> = known.map(|layout| layout.to_string()).collect();
    Reason::Layout {
        found,
        known: known.join(" and "),
    }
}

/// Says whether a version whose newest layout is `newest` works with this one: with that and with
/// the one before, so that services are replaced first, and the schema is migrated after the last.
const fn is_known(layout: i32, newest: i32) -> bool {
    layout >= 1 && layout <= newest && layout >= newest - 1
}

/// The number of the newest migration.
const NEWEST: i32 = 1;
const _: () = assert!(MIGRATIONS.len() == 1);

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
