//! From settings to a service that listens.

use core::fmt;
use core::future::Future;
use core::net::SocketAddr;
use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::sync::{Arc, RwLock};

use axum::Router;
use otp_engine::{Clock, Engine, Event, Recipient, SystemClock, Target, record::VerifyingKeys};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};

use crate::answer::Numbers;
use crate::app::{App, Purge, Purged};
use crate::blocking::BlockingPool;
use crate::config::Options;
use crate::deliveries::Deliveries;
use crate::directory::configured::ConfiguredDirectory;
use crate::directory::demo::DemoDirectory;
use crate::directory::{Directory, Fault, User};
use crate::error::{Error, chain};
use crate::failure::Failure;
use crate::gateway::Gateway;
use crate::metrics::{Events, Metrics};
use crate::open::Stores;
use crate::proxies::Proxies;
use crate::service::Service;
use crate::{admin, listen, logging, open, router, secrets};

/// How many questions to a directory that asks another service are open at one time.
const LOOKUPS: u32 = 32;

/// What a host brings: its users and records, and how messages go out.
#[derive(Clone)]
#[non_exhaustive]
pub struct Parts {
    /// Who asks, and what they may sign.
    pub directory: Arc<dyn Directory>,
    /// How messages go out.
    pub gateway: Arc<dyn Gateway>,
    /// What the time is.
    pub clock: Arc<dyn Clock>,
}

impl Parts {
    /// Takes a directory and a gateway, on the system's clock.
    #[must_use]
    pub fn new(directory: Arc<dyn Directory>, gateway: Arc<dyn Gateway>) -> Self {
        Self {
            directory,
            gateway,
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// Sets the clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// A service whose keys are read and whose store is open; a clone is the same one.
///
/// Open and drop it outside of a runtime:
/// it may hold connections that block.
#[derive(Clone)]
pub struct Server {
    app: Arc<App>,
    options: Options,
    parts: Parts,
    /// Whether the gateway is one that the settings name, and not a host's own.
    has_own_gateway: bool,
    events: Events,
    deliveries: Arc<Deliveries>,
}

impl Server {
    /// Opens what the settings name, with the users of `--users` or of the demonstration.
    ///
    /// # Errors
    ///
    /// The [`Error`] names the flag.
    pub fn open(options: &Options) -> Result<Self, Error> {
        let directory: Arc<dyn Directory> = match &options.users {
            Some(path) => {
                let clock = Arc::new(SystemClock::new());
                Arc::new(ConfiguredDirectory::open(path, clock)?)
            }
            None if options.demo => {
                let demo = DemoDirectory::new();
                Arc::new(demo.map_err(|error| Error::new(chain(&*error)))?)
            }
            None => {
                return Err(Error::new(
                    "--users is missing: name the file that says who the users are, or try the \
                     service out with --demo",
                ));
            }
        };
        let parts = Parts::new(directory, open::gateway(options)?);
        let mut server = Self::with(options, parts)?;
        server.has_own_gateway = true;
        Ok(server)
    }

    /// Opens what the settings name, for the users and the gateway of a host. A store that belongs to
    /// other keys is an error; `adopt_store` and `begin_store` of the settings are done here.
    ///
    /// # Errors
    ///
    /// The [`Error`] names the flag.
    pub fn with(options: &Options, parts: Parts) -> Result<Self, Error> {
        if options.demo && !options.listen.ip().is_loopback() {
            return Err(Error::new(format!(
                "--listen is {}; with --demo it must be a loopback address, such as 127.0.0.1:8069",
                options.listen
            )));
        }
        if let Some(listen) = options.admin_listen
            && !(listen.ip().is_loopback() || options.admin_exposed)
        {
            return Err(Error::new(format!(
                "--admin-listen is {listen}; it must be a loopback address, such as 127.0.0.1:8070, \
                 unless --admin-exposed says that the network between is trusted"
            )));
        }
        if options.gateway_timeout >= options.request_timeout {
            return Err(Error::new(format!(
                "--gateway-timeout is {}; it must be below --request-timeout, which is {}",
                options.gateway_timeout, options.request_timeout
            )));
        }
        let folder = |error: std::io::Error| {
            let why = format!("cannot be used as the data folder: {}", error.kind());
            Error::file("--data", &options.data, &why)
        };
        secrets::private_folder(&options.data).map_err(folder)?;
        if options.demo {
            secrets::make_key_ring(&options.keys())?;
            secrets::make_signing_key(&options.signing_key())?;
        }
        let events = Events::default();
        let deliveries = Arc::default();
        let service = service(options, &parts, &events, &deliveries)?;
        let app = App {
            service: RwLock::new(Arc::new(service)),
            metrics: Metrics::new(events.clone()),
            store: BlockingPool::of(options.max_operations),
            lookups: BlockingPool::of(LOOKUPS),
            messages: BlockingPool::of(options.max_messages),
            requests: Arc::new(Semaphore::new(options.max_requests as usize)),
            request_timeout: options.limits().request,
            rejection_hold: Duration::from_millis(options.rejection_hold),
            proxies: Proxies::new(&options.trusted_proxies),
            probes: BlockingPool::of(1),
            ready_timeout: Duration::from_secs(options.ready_timeout),
            purge: Purge::new(options.purge_interval > 0),
            is_stopping: AtomicBool::new(false),
        };
        let mut options = options.clone();
        // They are done, and not to be done again when keys are read anew.
        (options.adopt_store, options.begin_store) = (false, false);
        Ok(Self {
            app: Arc::new(app),
            options,
            parts,
            has_own_gateway: false,
            events,
            deliveries,
        })
    }

    /// Reads the files of keys and passwords anew, and opens the store with them. Requests at work
    /// end with what they began with, and this returns after them: call it on a thread that may
    /// block.
    ///
    /// # Errors
    ///
    /// The [`Error`] names the flag; the service then goes on as before.
    pub fn reload(&self) -> Result<(), Error> {
        let mut parts = self.parts.clone();
        if self.has_own_gateway {
            parts.gateway = open::gateway(&self.options)?;
        }
        let service = service(&self.options, &parts, &self.events, &self.deliveries)?;
        let read = parts.directory.reload();
        read.map_err(|error| Error::from(&*error))?;
        let before = self.app.replace(service);
        // Its connections must not end on a thread that drives others.
        while Arc::strong_count(&before) > 1 {
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Erases the personal details and the captured image of the `n`-th signature of a field, for
    /// ever; its record verifies as before. Says whether there is such a signature.
    ///
    /// An image that was given twice on one field is kept once, and erased once.
    ///
    /// # Errors
    ///
    /// The [`Fault`] of store or record; what is left is erased by asking again.
    pub fn erase(&self, tenant: &str, field: &Target<'_>, n: u64) -> Result<bool, Fault> {
        self.app.service().erase(tenant, field, n)
    }

    /// Lifts what holds a user's codes for a field up: used-up attempts, cooldown, the lockout. A code
    /// that is out is called off, one that was used stays used. For an administrator, whose `reason`, 1
    /// to 256 bytes of visible text, stands in the log. Says whether there was anything to
    /// lift.
    ///
    /// # Errors
    ///
    /// The [`Fault`] of user, reason or store: nothing is known to be lifted.
    pub fn reset_slot(&self, user: &User, field: &Target<'_>, reason: &str) -> Result<bool, Fault> {
        self.app.service().reset_slot(user, field, reason)
    }

    /// Forgets what was sent to a number and failed against it, over all users and records of a
    /// tenant; as [`reset_slot`](Self::reset_slot).
    ///
    /// # Errors
    ///
    /// The [`Fault`] of reason or store: nothing is known to be lifted.
    pub fn reset_recipient(
        &self,
        tenant: &str,
        recipient: &Recipient,
        reason: &str,
    ) -> Result<bool, Fault> {
        self.app
            .service()
            .reset_recipient(tenant, recipient, reason)
    }

    /// Lifts a user's locks, and the limit of sends with them; as [`reset_slot`](Self::reset_slot).
    ///
    /// # Errors
    ///
    /// The [`Fault`] of reason or store: nothing is known to be lifted.
    pub fn reset_user(&self, tenant: &str, user: &str, reason: &str) -> Result<bool, Fault> {
        self.app.service().reset_user(tenant, user, reason)
    }

    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// The [`Error`] where the address is taken or not this machine's.
    pub async fn bind(&self) -> Result<Bound, Error> {
        let listening = async |flag, address| {
            let fails = |error: std::io::Error| {
                let why = error.kind();
                Error::new(format!("{flag}: {address} cannot be listened on: {why}"))
            };
            let listener = TcpListener::bind(address).await.map_err(fails)?;
            let address = listener.local_addr().map_err(fails)?;
            Ok::<_, Error>((listener, address))
        };
        let (listener, address) = listening("--listen", self.options.listen).await?;
        let admin = match self.options.admin_listen {
            Some(listen) => Some(listening("--admin-listen", listen).await?),
            None => None,
        };
        Ok(Bound {
            address,
            listener,
            admin: admin.map(|(listener, address)| Administration {
                address,
                listener,
                router: admin::router(self.clone(), &self.app),
            }),
            app: self.app.clone(),
            options: self.options.clone(),
        })
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

/// Opens what the settings name: keys, store, and the engine between them.
fn service(
    options: &Options,
    parts: &Parts,
    events: &Events,
    deliveries: &Arc<Deliveries>,
) -> Result<Service, Error> {
    let ring = secrets::key_ring(&options.keys())?;
    let signing_key = secrets::signing_key(&options.signing_key())?;
    let mut verifying = match &options.retired_signing_keys {
        Some(path) => secrets::retired_keys(path)?,
        None => VerifyingKeys::new(),
    };
    verifying.insert(signing_key.verifying_key());
    let counted = events.clone();
    let engine = Engine::builder(ring)
        .clock(parts.clock.clone())
        .signing_key(signing_key)
        .observer(move |event: &Event<'_>| logging::event(counted.count(event), event))
        .build();
    let Stores { store, purger } = open::stores(options)?;
    open::check_keys(options, &engine, &*store)?;
    let admin_token = options.admin_token.as_deref();
    Ok(Service {
        engine,
        store,
        purger,
        clock: parts.clock.clone(),
        deliveries: deliveries.clone(),
        keys: verifying,
        directory: parts.directory.clone(),
        gateway: parts.gateway.clone(),
        numbers: if options.mask_recipient {
            Numbers::Masked
        } else {
            Numbers::Whole
        },
        admin_token: admin_token.map(secrets::admin_token).transpose()?,
    })
}

/// A service that has its address.
pub struct Bound {
    address: SocketAddr,
    listener: TcpListener,
    admin: Option<Administration>,
    app: Arc<App>,
    options: Options,
}

/// The listener of those who run the service.
struct Administration {
    address: SocketAddr,
    listener: TcpListener,
    router: Router,
}

impl Bound {
    /// Returns where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns where the administration listens, if it does.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|admin| admin.address)
    }

    /// Serves until `stop`, then lets what is at work finish; says whether all of it did in time.
    pub async fn run(self, stop: impl Future<Output = ()>) -> bool {
        let limits = self.options.limits();
        let confirmed = self.options.confirm_clock;
        let purge = tokio::spawn(purge(self.app.clone(), limits.purge, confirmed));
        // Open to the end: whoever looks sees how far it is.
        let (end, ended) = oneshot::channel::<()>();
        let has_admin = self.admin.is_some();
        let admin = self.admin.map(|admin| {
            let Administration {
                listener, router, ..
            } = admin;
            let ended = async move { drop(ended.await) };
            tokio::spawn(listen::serve(
                listener,
                router,
                ADMIN_CONNECTIONS,
                limits,
                ended,
            ))
        });
        let app = self.app.clone();
        let close = async move {
            stop.await;
            app.begin_to_stop();
            tracing::info!("stopping: not ready any more");
            tokio::time::sleep(limits.drain).await;
        };
        let router = router::router(&self.app, !has_admin);
        let connections = self.options.max_connections;
        let finished = listen::serve(self.listener, router, connections, limits, close).await;
        purge.abort();
        // Clients that went away have left work behind: a code whose message is still on its way.
        let all = self.app.requests.acquire_many(self.options.max_requests);
        let finished = finished & tokio::time::timeout(limits.shutdown, all).await.is_ok();
        drop(end);
        if let Some(admin) = admin {
            let _ = admin.await; // whatever it says, all that matters is finished
        }
        finished
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// So many are enough for a person, a scraper and a prober.
const ADMIN_CONNECTIONS: u32 = 64;

/// Purges now and then; the first time by a clock that is `confirmed`, if it is.
async fn purge(app: Arc<App>, every: Duration, mut confirmed: bool) {
    if every.is_zero() {
        return;
    }
    let mut ticks = tokio::time::interval(every);
    loop {
        ticks.tick().await;
        let service = app.service();
        match app
            .store
            .run(move || service.purge(confirmed))
            .await
            .and_then(|done| done)
        {
            Ok(dropped) => {
                confirmed = false;
                app.metrics.purged(dropped);
                app.metrics.purge_is_complete(app.service().clock.now());
                app.purge.set(Purged::Done);
            }
            Err(error) => {
                app.metrics.purge_failed();
                app.metrics.store_failed(Failure::of(&error));
                app.purge.set(Purged::Failed);
                tracing::warn!(
                    error = chain(&*error),
                    "the purge failed; the store grows until --purge-user names a role that may \
                     delete, or another cause is gone"
                );
            }
        }
    }
}
