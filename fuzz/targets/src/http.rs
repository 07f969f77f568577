//! The reference service, over loopback: its parsing, its routes and its store are all there.

use core::cell::RefCell;
use core::net::SocketAddr;
use core::time::Duration;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use clap::Parser;
use otp_engine_reference::directory::demo::{DemoDirectory, HEADER};
use otp_engine_reference::gateway::{Gateway, Reply, Unanswered};
use otp_engine_reference::{Options, Parts, Server};
use serde_json::Value;

/// What takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

thread_local! {
    static CONNECTION: RefCell<Option<TcpStream>> = const { RefCell::new(None) };
}

/// Where a service listens that lives as long as the process.
static SERVICE: LazyLock<SocketAddr> = LazyLock::new(|| {
    let folder = folder();
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    let data = folder.to_str().expect("a path in UTF-8");
    let flags = [
        "service",
        "--demo",
        "--listen",
        "127.0.0.1:0",
        "--data",
        data,
    ];
    let flags = flags.into_iter().chain(["--purge-interval", "0"]);
    let options = Options::try_parse_from(flags).expect("flags");
    let directory = DemoDirectory::new().expect("a directory");
    let parts = Parts::new(Arc::new(directory), Arc::new(Taken));
    let server = Server::with(&options, parts).expect("a service");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let bound = runtime.block_on(server.bind()).expect("a port");
    let address = bound.address();
    std::thread::spawn(move || {
        let _server = server;
        runtime.block_on(bound.run(core::future::pending()))
    });
    address
});

/// A gateway that takes every message.
struct Taken;

impl Gateway for Taken {
    fn send(&self, _: &str, _: &str) -> Result<Reply, Unanswered> {
        Ok(Reply::new("0", "taken"))
    }
}

fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("otp-engine-fuzz-{}", std::process::id()))
}

/// Removes what the service left.
pub fn leave() {
    let _ = std::fs::remove_dir_all(folder());
}

/// A request: a line `POST /path?query`, a line with the content type, and the body. Behind `!` the
/// bytes as they go to the socket.
///
/// # Panics
///
/// Where the service fails or hangs, or its answer is no answer.
pub fn http(data: &[u8]) {
    if let Some(raw) = data.strip_prefix(b"!") {
        return whatever(raw);
    }
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let [line, kind, body] = core::array::from_fn(|_| lines.next().unwrap_or(b""));
    let (method, path) = match line.strip_prefix(b"GET ") {
        Some(path) => ("GET", path),
        None => ("POST", line.strip_prefix(b"POST ").unwrap_or(line)),
    };
    // A user for each input, that what one did is nothing to another.
    let user = data.iter().fold(0_u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u32::from(*byte))
    });
    let mut request = Vec::with_capacity(data.len() + 256);
    let head = |name: &str, value: String| format!("{name}: {value}\r\n").into_bytes();
    request.extend([method.as_bytes(), b" ", path, b" HTTP/1.1\r\nhost: x\r\n"].concat());
    request.extend(head(HEADER, (user % 1_000_000 + 1).to_string()));
    request.extend([b"content-type: ", kind, b"\r\n"].concat());
    request.extend(head("content-length", body.len().to_string()));
    request.extend([b"\r\n", body].concat());
    let (status, answer) = CONNECTION.with_borrow_mut(|connection| ask(connection, &request));
    let known = [200, 400, 404, 405, 413, 414, 415, 431];
    assert!(known.contains(&status), "HTTP {status}");
    if method == "POST" && status == 200 {
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        let said: Value = serde_json::from_slice(body).expect("what is taken is JSON");
        let id = said.get("id").unwrap_or(&Value::Null);
        // A number beyond what JSON readers keep is rounded, the same way.
        assert_eq!(&answer["id"], id);
        let status = answer["result"]["status"].as_u64();
        assert!(status.unwrap_or(0) < 500, "{answer}");
        let verifies = path.starts_with(b"/api/esms_otp/verify_esms_otp");
        assert!(!verifies || status != Some(200), "accepted: {answer}");
    }
}

/// Writes a request and reads its answer, over a connection that is kept where it can be.
fn ask(connection: &mut Option<TcpStream>, request: &[u8]) -> (u16, Vec<u8>) {
    let mut stream = connection.take().unwrap_or_else(connect);
    let _ = stream.write_all(request); // an early answer closes
    let mut answer = Vec::new();
    let mut buffer = [0; 16 * 1024];
    let end = loop {
        if let Some(end) = answer.windows(4).position(|end| end == b"\r\n\r\n") {
            break end + 4;
        }
        match stream.read(&mut buffer).expect("an answer in time") {
            0 => panic!("no answer"),
            length => answer.extend(&buffer[..length]),
        }
    };
    let head = String::from_utf8(answer[..end].to_vec()).expect("a head in UTF-8");
    let head = head.to_ascii_lowercase();
    let status = head.strip_prefix("http/1.1 ").expect("HTTP/1.1");
    let status = status[..3].parse().expect("a status");
    let length = head.split("\r\n").find_map(|line| {
        let value = line.strip_prefix("content-length: ")?;
        value.parse::<usize>().ok()
    });
    let length = length.unwrap_or(0);
    while answer.len() < end + length {
        match stream.read(&mut buffer).expect("the rest in time") {
            0 => panic!("half an answer"),
            length => answer.extend(&buffer[..length]),
        }
    }
    assert_eq!(answer.len(), end + length, "more than an answer");
    if !head.contains("connection: close") {
        *connection = Some(stream);
    }
    (status, answer.split_off(end))
}

fn connect() -> TcpStream {
    let stream = TcpStream::connect(*SERVICE).expect("the service listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    stream.set_nodelay(true).expect("a socket");
    stream
}

/// Writes bytes, ends, and reads what comes until the service has closed too.
fn whatever(raw: &[u8]) {
    let mut stream = connect();
    let _ = stream.write_all(raw);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        // It closed before all was read.
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("no end: {error}"),
    }
    if !answer.is_empty() {
        assert!(answer.starts_with(b"HTTP/1.1 ") || answer.starts_with(b"HTTP/1.0 "));
        assert!(answer[9] != b'5', "a failure");
    }
}
