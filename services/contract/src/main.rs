//! Serves the contract until SIGTERM or SIGINT.

use core::time::Duration;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use otp_engine_contract::{Error, Options, Server, start_logging};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let options = Options::parse();
    start_logging(options.log);
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Plain, for whoever has typed the flags.
            let _ = writeln!(std::io::stderr(), "otp-engine-contract: {error}");
            ExitCode::from(2)
        }
    }
}

/// Serves; says whether all requests were finished at the end.
fn run(options: &Options) -> Result<bool, Error> {
    let server = Server::open(options)?;
    if options.adopt_store || options.begin_store {
        // Done: a flag that is left in a unit file must not do it again at the next start.
        let _ = writeln!(std::io::stdout(), "the store belongs to these keys");
        return Ok(true);
    }
    let failed = |what: &str, error: std::io::Error| Error::from((what, error));
    let runtime = Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed("threads", error))?;
    let finished = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(|it| failed("signals", it))?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|it| failed("signals", it))?;
        let bound = server.bind().await?;
        // Whoever reads it closes the pipe when they please.
        let mut out = std::io::stdout();
        let _ = writeln!(out, "listening on http://{}", bound.address()).and_then(|()| out.flush());
        let stop = async {
            tokio::select! {
                _ = terminate.recv() => (),
                _ = interrupt.recv() => (),
            }
        };
        Ok(bound.run(stop).await)
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    finished
}
