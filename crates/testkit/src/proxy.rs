//! A proxy between a client and a server, which loses what it is told to lose.

use core::{
    sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering},
    time::Duration,
};
use std::{
    io::{Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

/// What becomes of the next message; those after it pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
#[expect(clippy::exhaustive_enums, reason = "for tests alone")]
pub enum Fate {
    /// It passes, as all do.
    Passes = 0,
    /// The server's next answer is lost, and the connection with it.
    ReplyIsCut = 1,
    /// The server's next answer is lost; the connection stays, and says nothing.
    ReplyIsSwallowed = 2,
    /// The client's next request is lost, and the connection with it.
    RequestIsCut = 3,
}

/// A proxy on a Unix socket of its own.
#[derive(Debug)]
pub struct Proxy {
    socket: PathBuf,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    server: PathBuf,
    fate: AtomicU8,
    round_trips: AtomicUsize,
    is_silent: AtomicBool,
    /// How long each message is held, in microseconds.
    delay: AtomicU32,
    is_closed: AtomicBool,
    streams: Mutex<Vec<UnixStream>>,
}

impl Proxy {
    /// Listens on `socket` and passes all on to the one of `server`.
    #[must_use]
    pub fn new(socket: PathBuf, server: PathBuf) -> Self {
        let listener = UnixListener::bind(&socket).unwrap();
        let shared = Arc::new(Shared {
            server,
            fate: AtomicU8::new(Fate::Passes as u8),
            round_trips: AtomicUsize::new(0),
            is_silent: AtomicBool::new(false),
            delay: AtomicU32::new(0),
            is_closed: AtomicBool::new(false),
            streams: Mutex::default(),
        });
        let accepting = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                for client in listener.incoming() {
                    if shared.is_closed.load(Ordering::SeqCst) {
                        return;
                    }
                    shared.serve(client.unwrap());
                }
            }
        });
        Self {
            socket,
            shared,
            accepting: Some(accepting),
        }
    }

    /// Returns the path of the socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Decides about the next message.
    pub fn next(&self, fate: Fate) {
        self.shared.fate.store(fate as u8, Ordering::SeqCst);
    }

    /// Loses every answer while `is_silent`: clients are let in and heard, and nothing comes back.
    pub fn set_silent(&self, is_silent: bool) {
        self.shared.is_silent.store(is_silent, Ordering::SeqCst);
    }

    /// Holds each message, in both directions, for so many microseconds.
    pub fn set_delay(&self, microseconds: u32) {
        self.shared.delay.store(microseconds, Ordering::SeqCst);
    }

    /// Returns how often a client has asked and then waited, over all connections.
    #[must_use]
    pub fn round_trips(&self) -> usize {
        self.shared.round_trips.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_closed.store(true, Ordering::SeqCst);
        UnixStream::connect(&self.socket).ok(); // wakes the thread that accepts
        self.accepting.take().map(JoinHandle::join);
        for stream in &*self.shared.streams.lock().unwrap() {
            stream.shutdown(Shutdown::Both).ok();
        }
    }
}

impl Shared {
    /// Serves a client by two threads, which end when either side closes.
    fn serve(self: &Arc<Self>, client: UnixStream) {
        let Ok(server) = UnixStream::connect(&self.server) else {
            return; // dropped: the client sees that nobody is there
        };
        let asks = Arc::new(AtomicBool::new(false));
        for is_request in [true, false] {
            let (mut from, mut to) = if is_request {
                (client.try_clone().unwrap(), server.try_clone().unwrap())
            } else {
                (server.try_clone().unwrap(), client.try_clone().unwrap())
            };
            let (shared, asks) = (Arc::clone(self), Arc::clone(&asks));
            thread::spawn(move || {
                shared.pass(&mut from, &mut to, is_request, &asks);
                from.shutdown(Shutdown::Both).ok();
                to.shutdown(Shutdown::Both).ok();
            });
        }
        self.streams.lock().unwrap().extend([client, server]);
    }

    fn pass(
        &self,
        from: &mut UnixStream,
        to: &mut UnixStream,
        is_request: bool,
        asks: &AtomicBool,
    ) {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            // The first bytes after the other side spoke begin a round trip.
            if asks.swap(is_request, Ordering::SeqCst) != is_request && is_request {
                self.round_trips.fetch_add(1, Ordering::SeqCst);
            }
            let meant = if is_request {
                &[Fate::RequestIsCut][..]
            } else {
                &[Fate::ReplyIsCut, Fate::ReplyIsSwallowed]
            };
            match meant.iter().find(|fate| self.takes(**fate)) {
                Some(Fate::ReplyIsSwallowed) => continue,
                Some(_) => return,
                None => {}
            }
            if !is_request && self.is_silent.load(Ordering::SeqCst) {
                continue;
            }
            let delay = self.delay.load(Ordering::SeqCst);
            if delay > 0 {
                thread::sleep(Duration::from_micros(delay.into()));
            }
            if to.write_all(&buffer[..length]).is_err() {
                return;
            }
        }
    }

    fn takes(&self, fate: Fate) -> bool {
        let passes = Fate::Passes as u8;
        self.fate
            .compare_exchange(fate as u8, passes, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }
}
