//! PgBouncer between a store and its server.

use std::{
    fs::{self, File},
    os::unix::net::UnixStream,
    process::{Child, Stdio},
};

use crate::{
    Folder, PostgresServer,
    cluster::{as_owner, own},
    postgres::own_folder,
    process::program_of,
    wait_until,
};

/// A pooler on a socket of its own, which shares few sessions of a server among many clients.
#[derive(Debug)]
pub struct Pooler {
    folder: Folder,
    bouncer: Child,
}

impl Pooler {
    /// Pools `sessions` of the server's sessions by `mode`: `session`, `transaction` or
    /// `statement`.
    #[must_use]
    pub fn new(server: &PostgresServer, mode: &str, sessions: u32) -> Self {
        let folder = own_folder();
        let path = folder.path().display();
        let server = server.socket();
        let text = format!(
            "[databases]\n* = host={}\n[pgbouncer]\nlisten_addr =\nlisten_port = 5432\n\
             unix_socket_dir = {path}\nauth_type = trust\nauth_file = {path}/users\n\
             logfile = {path}/log\npool_mode = {mode}\ndefault_pool_size = {sessions}\n\
             max_client_conn = 200\nquery_wait_timeout = 60\nserver_login_retry = 1\n",
            server.parent().unwrap().display(),
        );
        let users = ["otp", "app", "broom"].map(|name| format!("\"{name}\" \"\"\n"));
        let users = users.concat();
        for (name, text) in [("ini", &text), ("users", &users)] {
            let file = folder.path().join(name);
            fs::write(&file, text).unwrap();
            own(&file).unwrap();
        }
        let log = File::create(folder.path().join("out")).unwrap();
        let bouncer = as_owner("KILL", &program_of("pgbouncer", "pgbouncer"))
            .arg(folder.path().join("ini"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let socket = folder.path().join(PostgresServer::SOCKET);
        wait_until("PgBouncer listens", || UnixStream::connect(&socket).is_ok());
        Self { folder, bouncer }
    }

    /// Returns how to connect, as libpq writes it.
    #[must_use]
    pub fn url(&self) -> String {
        PostgresServer::url_at(self.folder.path().to_str().unwrap())
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.bouncer.kill().ok();
        self.bouncer.wait().ok();
    }
}
