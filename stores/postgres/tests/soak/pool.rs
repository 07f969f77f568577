//! PgBouncer before a server, and somebody who spoils the sessions that it lends.

use core::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use std::thread;

use otp_engine_postgres::PostgresStore;
use otp_engine_testkit::{Pooler, PostgresServer, scenarios::Codes};
use postgres::{Client, NoTls};

use super::Over;

/// A pooler, and its server.
pub(crate) struct Pool {
    pub(crate) server: PostgresServer,
    pooler: Pooler,
}

impl Pool {
    pub(crate) fn start(mode: &str, sessions: u32) -> Self {
        let server = PostgresServer::start();
        PostgresStore::migrate(&server.url()).unwrap();
        let pooler = Pooler::new(&server, mode, sessions);
        Self { server, pooler }
    }

    /// Beside the storm somebody sets each session that is lent to them.
    pub(crate) fn rage(
        &mut self,
        test: &str,
        kind: &str,
        run: impl FnOnce(Codes<'_>, &mut PostgresServer),
    ) {
        let is_over = AtomicBool::new(false);
        let url = self.pooler.url();
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::SeqCst) {
                    let Ok(mut client) = Client::connect(&url, NoTls) else {
                        continue;
                    };
                    let off = "SET synchronous_commit = off; SET statement_timeout = 200";
                    while !is_over.load(Ordering::SeqCst) && client.batch_execute(off).is_ok() {
                        thread::sleep(Duration::from_millis(1));
                    }
                }
            });
            let _over = Over(&is_over);
            let storm = Codes {
                test,
                text: &format!("{kind} {url}"),
                slots: 60,
                kills: 40,
            };
            run(storm, &mut self.server);
        });
    }
}
