//! A server whose standby vanishes, and what a server says of its standbys.

use core::time::Duration;
use std::thread;

use otp_engine_postgres::PostgresStore;
use otp_engine_testkit::{PatroniState, PostgresServer, scenarios::Mortal, wait_until};
use postgres::{Client, NoTls};

/// A server whose standby is what is killed; for some seconds no commit is answered.
pub(crate) struct Standby {
    pub(crate) primary: PostgresServer,
    pub(crate) standby: PostgresServer,
}

impl Standby {
    pub(crate) fn start() -> Self {
        let primary = PostgresServer::start();
        PostgresStore::migrate(&primary.url()).unwrap();
        let standby = primary.standby();
        let mut admin = Client::connect(&primary.url(), NoTls).unwrap();
        admin
            .batch_execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            .unwrap();
        admin.batch_execute("SELECT pg_reload_conf()").unwrap();
        wait_for_sync(&primary.url());
        Self { primary, standby }
    }
}

impl Mortal for Standby {
    fn kill(&mut self) {
        self.standby.kill();
        thread::sleep(Duration::from_secs(5));
    }

    fn resume(&mut self) {
        self.standby.resume();
        wait_for_sync(&self.primary.url());
    }
}

fn wait_for_sync(url: &str) {
    wait_until("the standby is synchronous", || {
        synchronous(url).is_some_and(|state| state.has_standby)
    });
}

/// Says of a server whether it takes writes, and whether a standby has all that it answers.
pub(crate) fn synchronous(url: &str) -> Option<PatroniState> {
    state(url, "sync_state = 'sync'")
}

/// Says of a server whether it takes writes, and whether a standby follows.
pub(crate) fn asynchronous(url: &str) -> Option<PatroniState> {
    // A base backup has its own sender, which ends with it.
    let follows = "state = 'streaming' AND application_name <> 'pg_basebackup'";
    state(url, follows)
}

fn state(url: &str, standby: &str) -> Option<PatroniState> {
    let mut client = Client::connect(url, NoTls).ok()?;
    let ask = format!(
        "SELECT NOT pg_is_in_recovery(), EXISTS (SELECT FROM pg_stat_replication WHERE {standby})"
    );
    let row = client.query_one(&ask, &[]).ok()?;
    Some(PatroniState {
        is_primary: row.get(0),
        has_standby: row.get(1),
    })
}
