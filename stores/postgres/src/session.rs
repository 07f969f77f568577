//! One connection and its statements: one round trip for a load, one for a commit.

use core::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use otp_engine::{
    Timestamp,
    store::{Cell, Key, Version, Write},
};
use tokio_postgres::{
    Client, Row, Statement,
    types::{ToSql, Type},
};

use crate::{
    error::OpenError,
    fault::Fault,
    hosts::Place,
    link::Link,
    statements::{COMMIT, HAS_CELLS, LOAD, PURGE, in_schema},
};

/// A connection whose server and table were checked.
pub(crate) struct Session {
    link: Link,
    place: Place,
    asks: Asks,
    has_cells: String,
    purge: String,
    answer_timeout: Option<Duration>,
}

/// How statements get to a server process.
pub(crate) enum Asks {
    /// It serves this connection alone: statements are prepared, and the session has its settings.
    One { load: Statement, commit: Statement },
    /// A pooler lends one after another: nothing is left on any of them. Statements have no names,
    /// and each has a transaction of its own, which begins with its settings.
    Any {
        begin: String,
        load: String,
        commit: String,
    },
}

/// What the server said of a commit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Made {
    Plainly,
    /// The wait for a standby was ended: it is made here, and perhaps here alone.
    WithWarning,
    /// A version is not as expected; nothing was made.
    Conflict,
}

/// The texts of a load and of a commit.
pub(crate) struct Statements {
    load: String,
    commit: String,
}

impl Statements {
    pub(crate) fn new(schema: &str, durability: &str) -> Self {
        Self {
            load: in_schema(LOAD, schema),
            commit: in_schema(COMMIT, schema).replace("DURABILITY", durability),
        }
    }

    /// For any process, in transactions that `begin` so.
    pub(crate) fn any(self, begin: String) -> Asks {
        let Self { load, commit } = self;
        Asks::Any {
            begin,
            load,
            commit,
        }
    }
}

impl Asks {
    /// Prepares the statements on the one process that serves the connection.
    pub(crate) async fn one(client: &Client, texts: &Statements) -> Result<Self, OpenError> {
        Ok(Self::One {
            load: client.prepare(&texts.load).await?,
            commit: client.prepare(&texts.commit).await?,
        })
    }
}

impl Session {
    /// Makes a session of a connection that was checked.
    pub(crate) fn new(
        link: Link,
        place: Place,
        schema: &str,
        asks: Asks,
        answer_timeout: Duration,
    ) -> Self {
        Self {
            link,
            place,
            asks,
            has_cells: in_schema(HAS_CELLS, schema),
            purge: in_schema(PURGE, schema),
            answer_timeout: Some(answer_timeout),
        }
    }

    /// Says whether it is of no use any more: its connection has ended, or its host was left.
    pub(crate) fn is_closed(&self) -> bool {
        self.link.is_closed() || self.place.is_left()
    }

    /// Ends the session of a wait that was dropped.
    #[cfg(feature = "async")]
    pub(crate) async fn retire(self) {
        self.link.retire().await;
    }

    /// Reads all cells in one statement, and so at one moment; in the order of their keys.
    ///
    /// Where transactions are serializable a statement that reads can lose a race too: then it reads again.
    pub(crate) async fn load(&mut self, keys: &[Key]) -> Result<Vec<Option<Cell>>, Fault> {
        for _ in 1..READS {
            match self.read(keys).await {
                Err(fault) if fault.is_conflict() => {}
                told => return told,
            }
        }
        self.read(keys).await
    }

    async fn read(&mut self, keys: &[Key]) -> Result<Vec<Option<Cell>>, Fault> {
        let wanted: Vec<&[u8]> = keys.iter().map(|key| &key.as_bytes()[..]).collect();
        let asks = &self.asks;
        let rows = self
            .link
            .wait(self.answer_timeout, async |client| match asks {
                Asks::One { load, .. } => Ok::<_, Fault>(client.query(load, &[&wanted]).await?),
                Asks::Any { begin, load, .. } => {
                    within(client, begin, client.query_typed(load, &[(&wanted, KEYS)])).await
                }
            });
        let mut cells = vec![None; keys.len()];
        for row in heard(rows.await, &self.place)? {
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
        let asks = &self.asks;
        self.link.was_warned(); // of what was before
        let rows = self.link.wait(self.answer_timeout, async |client| {
            let arguments: [(&(dyn ToSql + Sync), Type); 5] = [
                (&keys, KEYS),
                (&expected, Type::INT8_ARRAY),
                (&discard_after, Type::INT8_ARRAY),
                (&bodies, Type::BYTEA_ARRAY),
                (&count, Type::INT8),
            ];
            match asks {
                Asks::One { commit, .. } => {
                    let arguments = arguments.each_ref().map(|(argument, _)| *argument);
                    Ok::<_, Fault>(client.query(commit, &arguments).await?)
                }
                Asks::Any { begin, commit, .. } => {
                    within(client, begin, client.query_typed(commit, &arguments)).await
                }
            }
        });
        let rows = heard(rows.await, &self.place)?;
        let made: i32 = rows.first().ok_or(Fault::Malformed)?.try_get(0)?;
        Ok(match (made, self.link.was_warned()) {
            (0, _) => Made::Conflict,
            (_, false) => Made::Plainly,
            (_, true) => Made::WithWarning,
        })
    }

    /// Says whether the table holds any row.
    pub(crate) async fn has_cells(&mut self) -> Result<bool, Fault> {
        let (asks, text) = (&self.asks, &self.has_cells);
        let rows = self.link.wait(self.answer_timeout, async |client| {
            let rows = client.query_typed(text, &[]);
            match asks {
                Asks::One { .. } => Ok::<_, Fault>(rows.await?),
                Asks::Any { begin, .. } => within(client, begin, rows).await,
            }
        });
        let rows = heard(rows.await, &self.place)?;
        Ok(rows.first().ok_or(Fault::Malformed)?.try_get(0)?)
    }

    pub(crate) async fn purge(&mut self, now: Timestamp, limit: i64) -> Result<u64, Fault> {
        let (asks, purge, now) = (&self.asks, &self.purge, now.unix());
        let dropped = self.link.wait(self.answer_timeout, async |client| {
            let arguments: [(&(dyn ToSql + Sync), Type); 2] =
                [(&now, Type::INT8), (&limit, Type::INT8)];
            let purge = client.execute_typed(purge, &arguments);
            match asks {
                Asks::One { .. } => Ok::<_, Fault>(purge.await?),
                Asks::Any { begin, .. } => within(client, begin, purge).await,
            }
        });
        heard(dropped.await, &self.place)
    }
}

/// Leaves a host that is silent for the next one.
fn heard<T>(answer: Result<T, Fault>, from: &Place) -> Result<T, Fault> {
    if matches!(answer, Err(Fault::Silent | Fault::Cancelled)) {
        from.leave();
    }
    answer
}

/// Does `work` in a transaction that begins so, all in one round trip. Where it fails, its end
/// undoes it.
async fn within<T>(
    client: &Client,
    begin: &str,
    work: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Fault> {
    let mut begin = (pin!(client.batch_execute(begin)), None);
    let mut work = (pin!(work), None);
    let mut end = (pin!(client.batch_execute("COMMIT")), None);
    poll_fn(|cx| {
        // They are sent when they are first polled, and so in this order.
        poll(&mut begin, cx);
        poll(&mut work, cx);
        poll(&mut end, cx);
        if begin.1.is_some() && work.1.is_some() && end.1.is_some() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    match (begin.1, work.1, end.1) {
        (Some(Ok(())), Some(work), Some(end)) => {
            let work = work?;
            end?;
            Ok(work)
        }
        (Some(Err(refused)), Some(Err(_)), _) => Err(refused.into()),
        _ => Err(Fault::Adrift),
    }
}

fn poll<F: Future>(each: &mut (Pin<&mut F>, Option<F::Output>), cx: &mut Context<'_>) {
    if each.1.is_none()
        && let Poll::Ready(done) = each.0.as_mut().poll(cx)
    {
        each.1 = Some(done);
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

/// How often cells are read where others come first: in a storm on one page of a table each second one may lose.
const READS: u32 = 64;

const KEYS: Type = Type::BYTEA_ARRAY;

#[cfg(test)]
impl Session {
    /// Says whether its server process serves nobody else.
    pub(crate) fn has_its_own_process(&self) -> bool {
        matches!(self.asks, Asks::One { .. })
    }
}
