//! Gateway and store, as the settings name them.

use core::time::Duration;
use std::sync::Arc;

use otp_engine::store::{Cell, Class, Commit, Error as StoreError, Key, Write};
use otp_engine::{Engine, Error as EngineError, Store, Timestamp, operation::StoreCheck};
use otp_engine_postgres::{OpenError, PostgresOptions, PostgresStore, Tls};
use otp_engine_sqlite::SqliteStore;

use crate::config::{GatewayKind, Options};
use crate::error::{Error, chain};
use crate::gateway::Gateway;
use crate::gateway::esms::EsmsGateway;
use crate::gateway::log::LogGateway;
use crate::secrets;

/// Makes the gateway.
pub(crate) fn gateway(options: &Options) -> Result<Arc<dyn Gateway>, Error> {
    if options.gateway == GatewayKind::Log {
        return Ok(match &options.outbox {
            None => Arc::new(LogGateway::to_stdout()),
            Some(path) => Arc::new(LogGateway::to_file(path).map_err(|error| {
                let why = format!("cannot be written: {}", error.kind());
                Error::file("--outbox", path, &why)
            })?),
        });
    }
    let path = options.gateway_credentials.as_ref();
    let path = path.ok_or_else(|| {
        Error::new(
            "--gateway-credentials is missing; --gateway esms needs a file with user and password",
        )
    })?;
    let secrets::Credentials { user, password } = secrets::credentials(path)?;
    let timeout = Duration::from_secs(options.gateway_timeout);
    let gateway = EsmsGateway::new(&options.gateway_url, &user, &password, timeout);
    let gateway = gateway.map_err(|error| Error::new(format!("--gateway-url {error}")))?;
    Ok(Arc::new(gateway))
}

/// Checks that the store belongs to the keys, or makes it theirs where the settings say so.
pub(crate) fn check_keys(
    options: &Options,
    engine: &Engine,
    store: &dyn Store,
) -> Result<(), Error> {
    let known = if options.begin_store {
        engine.begin_store(store)
    } else if options.adopt_store {
        engine.adopt_store(store)
    } else {
        engine.check_store(store)
    };
    let why = match known {
        Ok(StoreCheck::Proven) => return Ok(()),
        Ok(StoreCheck::Begun) => {
            tracing::info!("the store belongs to these keys from now on");
            return Ok(());
        }
        Ok(StoreCheck::NotProven) => {
            tracing::warn!(
                "the store may lose cells: nothing proves that it belongs to these keys"
            );
            return Ok(());
        }
        Err(EngineError::ForeignStore) => {
            "is not the key file of this store, which belongs to another index secret; name the \
             file that the store was created with, or start once with --begin-store to discard \
             all that it holds"
        }
        Err(EngineError::NoCanary) => {
            "cannot be compared with the store, which holds cells and no canary; start once with \
             --adopt-store if they were written with this key file, or with --begin-store to \
             discard them"
        }
        Err(error) => {
            let flag = if options.database.is_some() {
                "--database"
            } else {
                "--data"
            };
            return Err(Error::new(format!("{flag}: {}", chain(&error))));
        }
    };
    Err(Error::file("--keys", &options.keys(), why))
}

/// The cells, and the same cells for the purge.
pub(crate) struct Stores {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) purger: Arc<dyn Store>,
}

/// Opens the store, a SQLite file or a database; and once more as the role that purges, where that
/// is another one.
pub(crate) fn stores(options: &Options) -> Result<Stores, Error> {
    let Some(parameters) = &options.database else {
        let path = options.data.join("otp.sqlite3");
        let store = SqliteStore::open(&path).map_err(|error| {
            Error::file(
                "--data",
                &path,
                &format!("cannot be opened: {}", chain(&error)),
            )
        })?;
        let store = Arc::new(store);
        return Ok(Stores {
            purger: store.clone(),
            store,
        });
    };
    let (mut config, tls) = Tls::parse(parameters).map_err(|error| {
        Error::new(if error.is_of_parameters() {
            // Neither error nor parameters are told: a password could stand in them.
            "--database must be postgres://user@host/name, or key=value pairs as libpq takes them"
                .into()
        } else {
            format!("--database: {}", chain(&error))
        })
    })?;
    if config.get_password().is_some() {
        return Err(Error::new(
            "--database must not hold a password; name its file by --database-password",
        ));
    }
    let purger = options.purge_user.as_ref().map(|user| {
        let mut config = config.clone();
        config.user(user);
        config
    });
    if let Some(path) = &options.database_password {
        config.password(secrets::password("--database-password", path)?);
    }
    let fails = |error: OpenError| {
        Error::new(if error.is_not_migrated() {
            "--database: the tables are not there; add --migrate once, as a role that may create tables"
                .into()
        } else {
            format!("--database: {}", chain(&error))
        })
    };
    let postgres = PostgresOptions::new().connections(options.max_operations as usize);
    if options.migrate {
        let migrated = postgres.migrate_with(config.clone(), tls.clone());
        migrated.map_err(fails)?;
    }
    let store = postgres.open_with(config, tls.clone());
    let store: Arc<dyn Store> = Arc::new(store.map_err(fails)?);
    let Some(mut config) = purger else {
        return Ok(Stores {
            purger: store.clone(),
            store,
        });
    };
    if let Some(path) = &options.purge_password {
        config.password(secrets::password("--purge-password", path)?);
    }
    let purger = PostgresOptions::new().connections(1);
    let purger = purger.open_with(config, tls);
    let fails = |error| Error::new(format!("--purge-user: {}", chain(&error)));
    let purger = Swept {
        store: store.clone(),
        purger: purger.map_err(fails)?,
    };
    Ok(Stores {
        store,
        purger: Arc::new(purger),
    })
}

/// A store whose cells are dropped as another role, which may do that and not make any.
struct Swept {
    store: Arc<dyn Store>,
    purger: PostgresStore,
}

impl Store for Swept {
    fn load(&self, keys: &[Key], cells: &mut Vec<Option<Cell>>) -> Result<(), StoreError> {
        self.store.load(keys, cells)
    }

    fn commit(&self, writes: &[Write<'_>], now: Timestamp) -> Result<Commit, StoreError> {
        self.store.commit(writes, now)
    }

    fn purge(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.purger.purge(now, limit)
    }

    fn class(&self) -> Class {
        self.store.class()
    }

    fn has_cells(&self) -> Result<Option<bool>, StoreError> {
        self.store.has_cells()
    }

    fn prefetch(&self, keys: &[Key]) {
        self.store.prefetch(keys);
    }
}
