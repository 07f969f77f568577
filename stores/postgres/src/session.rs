//! One connection with its prepared statements: one round trip for a load, one for a commit.

use core::time::Duration;

use otp_engine::{
    Timestamp,
    store::{Cell, Key, Version, Write},
};
use tokio_postgres::{Row, Statement, types::ToSql};

use crate::{fault::Fault, link::Link, open::OpenError};

/// A connection whose server and table were checked.
pub(crate) struct Session {
    link: Link,
    load: Statement,
    commit: Statement,
    answer_timeout: Option<Duration>,
}

/// What the server said besides that a commit is made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Made {
    Plainly,
    /// An administrator ended the wait for a standby: it is made here, and perhaps here alone.
    WithWarning,
}

impl Session {
    pub(crate) async fn new(
        mut link: Link,
        schema: &str,
        answer_timeout: Duration,
    ) -> Result<Self, OpenError> {
        let answer_timeout = Some(answer_timeout);
        let prepared = link.wait(answer_timeout, async |client| {
            let load = client.prepare(&LOAD.replace("SCHEMA", schema)).await?;
            let commit = client.prepare(&COMMIT.replace("SCHEMA", schema)).await?;
            Ok::<_, OpenError>((load, commit))
        });
        let (load, commit) = prepared.await?;
        Ok(Self {
            link,
            load,
            commit,
            answer_timeout,
        })
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.link.is_closed()
    }

    /// Reads all cells in one statement, and so at one moment; in the order of their keys.
    pub(crate) async fn load(&mut self, keys: &[Key]) -> Result<Vec<Option<Cell>>, Fault> {
        let wanted: Vec<&[u8]> = keys.iter().map(|key| &key.as_bytes()[..]).collect();
        let load = &self.load;
        let rows = self.link.wait(self.answer_timeout, async |client| {
            Ok::<_, Fault>(client.query(load, &[&wanted]).await?)
        });
        let mut cells = vec![None; keys.len()];
        for row in rows.await? {
            let key: &[u8] = row.try_get(0)?;
            let at = wanted.iter().position(|wanted| *wanted == key);
            cells[at.ok_or(Fault::Malformed)?] = Some(cell(&row)?);
        }
        Ok(cells)
    }

    /// Makes all writes in one statement, which fails as a whole.
    pub(crate) async fn commit(&mut self, writes: &[Write<'_>]) -> Result<Made, Fault> {
        let keys: Vec<&[u8]> = writes
            .iter()
            .map(|write| &write.key.as_bytes()[..])
            .collect();
        let expected: Vec<i64> = writes
            .iter()
            .map(|write| write.expected.get().cast_signed())
            .collect();
        let discard_after: Vec<Option<i64>> = writes
            .iter()
            .map(|write| write.discard_after.map(Timestamp::unix))
            .collect();
        let bodies: Vec<&[u8]> = writes.iter().map(|write| write.body).collect();
        let count = keys.len() as i64;
        let commit = &self.commit;
        self.link.was_warned(); // of what was before
        let answer = self.link.wait(self.answer_timeout, async |client| {
            let arguments: [&(dyn ToSql + Sync); 5] =
                [&keys, &expected, &discard_after, &bodies, &count];
            Ok::<_, Fault>(client.query(commit, &arguments).await?)
        });
        answer.await?;
        Ok(if self.link.was_warned() {
            Made::WithWarning
        } else {
            Made::Plainly
        })
    }

    /// Says whether the table holds any row.
    pub(crate) async fn has_cells(&mut self, schema: &str) -> Result<bool, Fault> {
        let has_cells = HAS_CELLS.replace("SCHEMA", schema);
        let row = self.link.wait(self.answer_timeout, async |client| {
            Ok::<_, Fault>(client.query_one(&has_cells, &[]).await?)
        });
        Ok(row.await?.try_get(0)?)
    }

    pub(crate) async fn purge(
        &mut self,
        schema: &str,
        now: Timestamp,
        limit: i64,
    ) -> Result<u64, Fault> {
        let purge = PURGE.replace("SCHEMA", schema);
        let dropped = self.link.wait(self.answer_timeout, async |client| {
            Ok(client.execute(&purge, &[&now.unix(), &limit]).await?)
        });
        dropped.await
    }
}

fn cell(row: &Row) -> Result<Cell, Fault> {
    let version: i64 = row.try_get(1)?;
    let discard_after: Option<i64> = row.try_get(2)?;
    Ok(Cell::new(
        Version::new(u64::try_from(version).map_err(|_| Fault::Malformed)?),
        discard_after.map(Timestamp::from_unix),
        row.try_get::<_, &[u8]>(3)?,
    ))
}

pub(crate) const LOAD: &str = "
    SELECT k, version, discard_after, body FROM SCHEMA.otp_cell WHERE k = ANY($1)";

/// Inserts and updates in one pass, in the order of the keys, so that no two commits can wait in a
/// ring. A cell that is not as expected is missing in `done`; then the division by zero undoes all.
pub(crate) const COMMIT: &str = "
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
    SELECT 1 / (count(*) FILTER (WHERE fresh = (version = 1)) = $5::bigint)::int FROM done";

const HAS_CELLS: &str = "SELECT EXISTS (SELECT FROM SCHEMA.otp_cell)";

const PURGE: &str = "
    DELETE FROM SCHEMA.otp_cell WHERE discard_after < $1 AND k = ANY(ARRAY(
        SELECT k FROM SCHEMA.otp_cell WHERE discard_after < $1
            ORDER BY discard_after LIMIT $2 FOR UPDATE SKIP LOCKED))";

#[cfg(test)]
impl Session {
    pub(crate) async fn show(&mut self, name: &str) -> String {
        let show = format!("SHOW {name}");
        let row = self.link.wait(self.answer_timeout, async |client| {
            Ok::<_, Fault>(client.query_one(&show, &[]).await?)
        });
        row.await.unwrap().get(0)
    }
}
