//! Serves the contract until SIGTERM or SIGINT; SIGHUP reads its keys and passwords anew.

use core::time::Duration;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use otp_engine::{Mobile, Target};
use otp_engine_reference::directory::demo::DemoDirectory;
use otp_engine_reference::directory::{Fault, User};
use otp_engine_reference::{Error, Options, Server, start_logging};
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

fn main() -> ExitCode {
    let options = Options::parse();
    start_logging(options.log);
    let done = match (&options.erase, reset(&options)) {
        (Some(what), _) => erase(&options, what),
        (None, Some(done)) => done,
        (None, None) => run(&options),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Plain, for whoever has entered the flags.
            let _ = writeln!(std::io::stderr(), "otp-engine-reference: {error}");
            ExitCode::from(2)
        }
    }
}

/// Erases a signature's details and image; says whether there was one.
fn erase(options: &Options, what: &[String]) -> Result<bool, Error> {
    let usage =
        || Error::from("--erase takes a tenant, a model, a field, a record, and a number from 1");
    let [tenant, model, field, record, n] = what else {
        return Err(usage());
    };
    let n = n.parse().map_err(|_| usage())?;
    let field = Target {
        model,
        field,
        id: record,
    };
    let server = Server::open(options)?;
    let found = server.erase(tenant, &field, n);
    let found = found.map_err(|error| Error::from(&*error))?;
    let said = if found { "erased" } else { "no such signature" };
    let _ = writeln!(std::io::stdout(), "{said}");
    Ok(found)
}

/// Does the reset that is asked for, if one is; says whether there was anything to lift.
fn reset(options: &Options) -> Option<Result<bool, Error>> {
    let server = || Server::open(options);
    let done = match (
        options.reset_slot.as_deref(),
        options.reset_recipient.as_deref(),
        options.reset_user.as_deref(),
    ) {
        (Some([user, model, field, record, reason]), _, _) => server().map(|server| {
            let field = Target {
                model,
                field,
                id: record,
            };
            server.reset_slot(&known(options, user)?, &field, reason)
        }),
        (_, Some([tenant, number, reason]), _) => server().map(|server| {
            let number = Mobile::parse(number)?;
            server.reset_recipient(tenant, &number.into(), reason)
        }),
        (_, _, Some([tenant, user, reason])) => {
            server().map(|server| server.reset_user(tenant, user, reason))
        }
        _ => return None, // the flags take exactly so many
    };
    let done = done.and_then(|done| done.map_err(|error| Error::from(&*error)));
    if let Ok(lifted) = done {
        let said = if lifted { "reset" } else { "nothing to reset" };
        let _ = writeln!(std::io::stdout(), "{said}");
    }
    Some(done)
}

/// Returns a user of the demonstration.
fn known(options: &Options, id: &str) -> Result<User, Fault> {
    if !options.demo {
        return Err("--reset-slot knows the users of --demo alone".into());
    }
    let user = DemoDirectory::new()?.find(id)?;
    user.ok_or_else(|| format!("--reset-slot: there is no user {id:?}").into())
}

/// Serves; says whether all requests were finished at the end.
fn run(options: &Options) -> Result<bool, Error> {
    let runtime = Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::from(("threads", error)))?;
    // Before anything takes its time: who sends a signal then shall not end the process by it.
    let entered = runtime.enter();
    let mut terminate = listen_for(SignalKind::terminate())?;
    let mut interrupt = listen_for(SignalKind::interrupt())?;
    let hangup = listen_for(SignalKind::hangup())?;
    drop(entered);
    let server = Arc::new(Server::open(options)?);
    if options.adopt_store || options.begin_store {
        // Done: a flag that is left in a unit file must not do it again at the next start.
        let _ = writeln!(std::io::stdout(), "the store belongs to these keys");
        return Ok(true);
    }
    let finished = runtime.block_on(async {
        let bound = server.bind().await?;
        // Whoever reads it closes the pipe when they please.
        let mut out = std::io::stdout();
        let _ = writeln!(out, "listening on http://{}", bound.address());
        if let Some(address) = bound.admin_address() {
            let _ = writeln!(out, "administration on http://{address}");
        }
        let _ = out.flush();
        let reload = tokio::spawn(reload(server.clone(), hangup));
        let stop = async {
            tokio::select! {
                _ = terminate.recv() => (),
                _ = interrupt.recv() => (),
            }
        };
        let finished = bound.run(stop).await;
        reload.abort();
        Ok(finished)
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    finished
}

fn listen_for(kind: SignalKind) -> Result<Signal, Error> {
    signal(kind).map_err(|error| Error::from(("signals", error)))
}

/// Reads keys and passwords anew at each SIGHUP.
async fn reload(server: Arc<Server>, mut hangup: Signal) {
    while hangup.recv().await.is_some() {
        let server = server.clone();
        match tokio::task::spawn_blocking(move || server.reload()).await {
            Ok(Ok(())) => tracing::info!("keys and passwords were read anew"),
            Ok(Err(error)) => {
                tracing::error!(%error, "keys and passwords are as before: they cannot be read anew");
            }
            Err(error) => tracing::error!(%error, "keys and passwords were not read anew"),
        }
    }
}
