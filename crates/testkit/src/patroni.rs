//! A cluster that Patroni keeps: a leader, a synchronous standby, and etcd, which says who is which.

use core::sync::atomic::{AtomicU16, Ordering};
use core::time::Duration;
use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread,
};

use crate::{
    Folder,
    cluster::{as_owner, own, program},
    free_port,
    postgres::own_folder,
    process::{children, is_alive, is_stopped, program_of, signal},
    wait_until,
};

/// Two PostgreSQL servers under Patroni, on ports of loopback, whose superuser is `otp`.
///
/// Should the test itself be killed, the kernel kills Patroni and etcd, but not the servers, which
/// Patroni lets stand by themselves.
#[derive(Debug)]
pub struct Patroni {
    folder: Folder,
    etcd: Child,
    nodes: [Node; 2],
    /// Commits wait for the standby.
    is_synchronous: bool,
    /// Says of a node, by how to connect, whether it is the primary and has the standby that is wanted.
    state: fn(&str) -> Option<State>,
    killed: Option<usize>,
}

/// What a node says of itself.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "for tests alone")]
pub struct State {
    /// It takes writes.
    pub is_primary: bool,
    /// A standby follows; of a synchronous cluster, one that has all that it answers.
    pub has_standby: bool,
}

#[derive(Debug)]
struct Node {
    name: &'static str,
    port: u16,
    /// Where its Patroni answers.
    rest: u16,
    patroni: Option<Child>,
}

impl Patroni {
    /// Makes and starts the cluster; `state` asks a node at an address what it is.
    #[must_use]
    pub fn start(is_synchronous: bool, state: fn(&str) -> Option<State>) -> Self {
        let folder = own_folder();
        let (client, peer) = (next_free_port(), next_free_port());
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let etcd = as_owner("KILL", &program_of("etcd-server", "etcd"))
            .arg("--data-dir")
            .arg(folder.path().join("etcd"))
            .args(["--listen-client-urls", &url(client)])
            .args(["--advertise-client-urls", &url(client)])
            .args(["--listen-peer-urls", &url(peer)])
            .args(["--initial-advertise-peer-urls", &url(peer)])
            .args(["--initial-cluster", &format!("default={}", url(peer))])
            .stdin(Stdio::null())
            .stdout(log(folder.path(), "etcd.log"))
            .stderr(log(folder.path(), "etcd.log"))
            .spawn()
            .unwrap();
        let mut cluster = Self {
            etcd,
            nodes: ["one", "two"].map(|name| Node {
                name,
                port: next_free_port(),
                rest: next_free_port(),
                patroni: None,
            }),
            is_synchronous,
            state,
            killed: None,
            folder,
        };
        for at in 0..2 {
            let node = &cluster.nodes[at];
            let text = configuration(cluster.folder.path(), node, client, is_synchronous);
            let file = cluster.folder.path().join(node.name).with_extension("yml");
            fs::write(&file, text).unwrap();
            own(&file).unwrap();
            cluster.begin(at);
            if at == 0 {
                wait_until("a leader is there", || cluster.leader().is_some());
            }
        }
        cluster.wait_for_a_standby();
        cluster
    }

    /// Returns how to connect to whichever node takes writes.
    #[must_use]
    pub fn url(&self) -> String {
        let [one, two] = [self.nodes[0].port, self.nodes[1].port];
        format!(
            "host=127.0.0.1,127.0.0.1 port={one},{two} user=otp dbname=postgres \
             target_session_attrs=read-write"
        )
    }

    /// Returns how to connect to the node that takes writes now.
    #[must_use]
    pub fn leader_url(&self) -> String {
        self.url_of(self.leader().expect("a leader"))
    }

    fn url_of(&self, at: usize) -> String {
        let port = self.nodes[at].port;
        format!("host=127.0.0.1 port={port} user=otp dbname=postgres connect_timeout=2")
    }

    fn begin(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        let file = self.folder.path().join(node.name).with_extension("yml");
        let started = as_owner("KILL", &program_of("patroni", "patroni"))
            .arg(file)
            .stdin(Stdio::null())
            .stdout(log(self.folder.path(), "patroni.log"))
            .stderr(log(self.folder.path(), "patroni.log"))
            .spawn();
        node.patroni = Some(started.unwrap());
    }

    fn state_of(&self, at: usize) -> Option<State> {
        (self.state)(&self.url_of(at))
    }

    fn leader(&self) -> Option<usize> {
        (0..2).find(|at| self.state_of(*at).is_some_and(|state| state.is_primary))
    }

    /// Waits until a failover may come: Patroni promotes no standby that it has not written down as
    /// synchronous, which it does some seconds after the server takes it for one.
    fn wait_for_a_standby(&self) {
        wait_until("the leader has a standby that would be promoted", || {
            let Some(leader) = self.leader() else {
                return false;
            };
            let has_standby = self.state_of(leader).is_some_and(|state| state.has_standby);
            has_standby && (!self.is_synchronous || self.is_written_down(1 - leader))
        });
    }

    fn is_written_down(&self, at: usize) -> bool {
        let ask = || {
            let mut stream = TcpStream::connect(("127.0.0.1", self.nodes[at].rest))?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(b"GET /synchronous HTTP/1.0\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            std::io::Result::Ok(answer)
        };
        ask().is_ok_and(|answer| answer.split(' ').nth(1) == Some("200"))
    }

    /// The postmaster of a node, if it runs.
    fn postmaster(&self, at: usize) -> Option<u32> {
        let data = self.folder.path().join(self.nodes[at].name);
        let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
        text.lines().next()?.parse().ok()
    }

    /// Sends nothing more to a node's standbys.
    fn hold_back(&self, at: usize) {
        let is_sender = |process: &u32| {
            let line = fs::read_to_string(format!("/proc/{process}/cmdline"));
            line.is_ok_and(|line| line.contains("walsender"))
        };
        let mut senders = Vec::new();
        wait_until("the leader sends to its standby", || {
            senders = self.postmaster(at).map(children).unwrap_or_default();
            senders.retain(is_sender);
            !senders.is_empty()
        });
        signal("STOP", &senders);
    }

    /// Kills Patroni and the server of a node (`kill -9`).
    fn kill_node(&mut self, at: usize) {
        if let Some(mut patroni) = self.nodes[at].patroni.take() {
            patroni.kill().ok();
            patroni.wait().ok();
        }
        let Some(own) = self.postmaster(at) else {
            return;
        };
        signal("STOP", &[own]);
        wait_until("the postmaster holds still", || is_stopped(own));
        let mut all = children(own);
        all.push(own);
        signal("KILL", &all);
        wait_until("the server's processes are gone", || {
            !all.iter().any(|process| is_alive(*process))
        });
    }
}

impl crate::scenarios::Mortal for Patroni {
    /// Kills the leader, whose standby hears nothing in the two seconds before: whatever was answered without
    /// it is lost.
    fn kill(&mut self) {
        let leader = self.leader().expect("a leader");
        self.hold_back(leader);
        thread::sleep(Duration::from_secs(2));
        self.kill_node(leader);
        self.killed = Some(leader);
    }

    /// Waits for another leader, and starts the old one as its standby.
    fn resume(&mut self) {
        let killed = self.killed.take().expect("a leader was killed");
        wait_until("there is another leader", || {
            self.leader().is_some_and(|leader| leader != killed)
        });
        self.begin(killed);
        self.wait_for_a_standby();
    }
}

impl Drop for Patroni {
    fn drop(&mut self) {
        for at in 0..2 {
            self.kill_node(at);
        }
        self.etcd.kill().ok();
        self.etcd.wait().ok();
    }
}

/// Another one than before: who asked for that may not listen yet.
fn next_free_port() -> u16 {
    static LAST: AtomicU16 = AtomicU16::new(0);
    let mut port = free_port();
    while port <= LAST.load(Ordering::SeqCst) || TcpListener::bind(("127.0.0.1", port)).is_err() {
        port += 1;
    }
    LAST.store(port, Ordering::SeqCst);
    port
}

fn log(folder: &Path, name: &str) -> File {
    let mut file = File::options();
    file.create(true).append(true);
    file.open(folder.join(name)).unwrap()
}

fn configuration(folder: &Path, node: &Node, etcd: u16, is_synchronous: bool) -> String {
    let programs: PathBuf = program("postgres").parent().unwrap().into();
    let (folder, programs) = (folder.display(), programs.display());
    let Node {
        name, port, rest, ..
    } = node;
    format!(
        "scope: otp
name: {name}
restapi:
  listen: 127.0.0.1:{rest}
  connect_address: 127.0.0.1:{rest}
etcd3:
  host: 127.0.0.1:{etcd}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 3
    retry_timeout: 5
    synchronous_mode: {is_synchronous}
    postgresql:
      use_pg_rewind: true
      parameters:
        wal_log_hints: 'on'
        synchronous_commit: 'on'
        shared_buffers: 16MB
  initdb:
    - encoding: UTF8
    - locale: C
    - auth: trust
postgresql:
  listen: 127.0.0.1:{port}
  connect_address: 127.0.0.1:{port}
  data_dir: {folder}/{name}
  bin_dir: {programs}
  pgpass: {folder}/{name}.pass
  authentication:
    superuser: {{username: otp, password: trusted}}
    replication: {{username: follower, password: trusted}}
  parameters:
    unix_socket_directories: '{folder}'
  pg_hba:
    - local all all trust
    - host all all 127.0.0.1/32 trust
    - host replication all 127.0.0.1/32 trust
"
    )
}
