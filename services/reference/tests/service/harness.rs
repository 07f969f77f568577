//! A service on a thread of its own, a gateway to play with, and a client.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread::JoinHandle;

use clap::Parser;
use otp_engine::{Clock, ManualClock, SystemClock, Target};
use otp_engine_reference::directory::demo::DemoDirectory;
use otp_engine_reference::directory::{Access, Caller, Denial, Directory, NoUser, Terms, User};
use otp_engine_reference::gateway::Gateway;
use otp_engine_reference::gateway::esms::EsmsGateway;
use otp_engine_reference::{Error, Options, Parts, Server};
use otp_engine_testkit::Folder;
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// Long enough for the slowest machine: what takes longer hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// How to start a service; what is not said is as in the demonstration.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) folder: Arc<Folder>,
    /// The name of the data folder in it.
    pub(crate) data: String,
    pub(crate) esms: Arc<FakeEsms>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) gateway_timeout: Duration,
    pub(crate) gateway_url: String,
    /// In the place of the one behind `gateway_url`.
    pub(crate) gateway: Option<Arc<dyn Gateway>>,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let esms = FakeEsms::start();
        Self {
            folder: Arc::new(Folder::new()),
            data: "data".into(),
            gateway_url: esms.url(),
            esms,
            clock: Arc::new(ManualClock::new(SystemClock::new().now().unwrap())),
            directory: Arc::new(DemoDirectory::new().unwrap()),
            gateway_timeout: PATIENCE,
            gateway: None,
        }
    }

    pub(crate) fn gateway(mut self, gateway: impl Gateway + 'static) -> Self {
        self.gateway = Some(Arc::new(gateway));
        self
    }

    pub(crate) fn directory(mut self, directory: impl Directory + 'static) -> Self {
        self.directory = Arc::new(directory);
        self
    }

    pub(crate) fn gateway_timeout(mut self, timeout: Duration) -> Self {
        self.gateway_timeout = timeout;
        self
    }

    /// Names a port on which nothing listens, and which no test is given.
    pub(crate) fn without_gateway(mut self) -> Self {
        self.gateway_url = "http://127.0.0.1:1/sms/send".into();
        self
    }

    /// Opens a service in this folder; more than one may be.
    pub(crate) fn open(&self, flags: &[&str]) -> Result<Server, Error> {
        let data = self.folder.path().join(&self.data);
        let data = data.to_str().unwrap();
        let own = [
            "otp-engine-reference",
            "--demo",
            "--listen",
            "127.0.0.1:0",
            "--data",
            data,
        ];
        let mut arguments: Vec<&str> = own.to_vec();
        // No slow machine shall meet a limit that is not the test's own.
        for (flag, seconds) in [
            ("--request-timeout", "300"),
            ("--shutdown-timeout", "300"),
            ("--drain-delay", "0"),
        ] {
            if !flags.contains(&flag) {
                arguments.extend([flag, seconds]);
            }
        }
        arguments.extend(flags);
        let options = Options::try_parse_from(arguments).unwrap();
        let gateway =
            EsmsGateway::new(&self.gateway_url, "bank", "secret", self.gateway_timeout).unwrap();
        let gateway = self.gateway.clone().unwrap_or_else(|| Arc::new(gateway));
        let parts = Parts::new(self.directory.clone(), gateway).clock(self.clock.clone());
        Server::with(&options, parts)
    }

    pub(crate) fn start(self, flags: &[&str]) -> Service {
        let server = Arc::new(self.open(flags).unwrap());
        let at_work = server.clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let finished = runtime.block_on(async {
                let bound = at_work.bind().await.unwrap();
                tell.send((bound.address(), bound.admin_address())).unwrap();
                bound.run(async { drop(stopped.await) }).await
            });
            runtime.shutdown_timeout(Duration::from_secs(1));
            finished
        });
        let (address, admin) = told.recv().unwrap();
        Service {
            address,
            admin,
            server,
            setup: self,
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

/// A service that runs until this is dropped.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) server: Arc<Server>,
    pub(crate) setup: Setup,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<bool>>,
}

impl Service {
    pub(crate) fn start() -> Self {
        Setup::new().start(&[])
    }

    /// Tells the service to stop.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until it has; returns whether all requests were finished.
    pub(crate) fn join(&mut self) -> bool {
        self.stop();
        self.thread.take().unwrap().join().unwrap()
    }

    pub(crate) fn pass(&self, seconds: u64) {
        let now = self.setup.clock.now().unwrap();
        let later = now.saturating_add(Duration::from_secs(seconds));
        self.setup.clock.set(later);
    }

    /// Lets days pass as they do, with something committed in each: a clock that jumps further is
    /// not believed by a purge.
    pub(crate) fn pass_days(&self, days: u64) {
        for day in 1..=days {
            self.pass(20 * 60 * 60);
            let sent = self.client().send(&with(place(), json!({"id": 500 + day})));
            assert_eq!(sent["status"], 200, "{sent}");
        }
    }

    /// The client of user 7.
    pub(crate) fn client(&self) -> Client {
        Client::of(self.address, "7")
    }

    /// Returns the code in the newest message.
    pub(crate) fn code(&self) -> String {
        self.setup.esms.code()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.setup.esms.release();
        self.stop();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(
                std::thread::panicking() || ended.is_ok(),
                "the service panicked"
            );
        }
    }
}

/// What a request on record 15 names.
pub(crate) fn place() -> Value {
    json!({"model": "loan.application", "field": "client_signature", "id": 15})
}

/// Adds members to a JSON object.
pub(crate) fn with(mut object: Value, more: Value) -> Value {
    let Value::Object(more) = more else {
        panic!("{more} is no object")
    };
    object.as_object_mut().unwrap().extend(more);
    object
}

/// Another code than the right one.
pub(crate) fn wrong(code: &str) -> String {
    let last = code.as_bytes()[5] - b'0';
    format!("{}{}", &code[..5], (last + 1) % 10)
}

/// A user's client.
pub(crate) struct Client {
    agent: ureq::Agent,
    pub(crate) base: String,
    headers: Vec<(String, String)>,
}

impl Client {
    pub(crate) fn of(address: SocketAddr, user: &str) -> Self {
        Self::with(address, &[("x-demo-user", user)])
    }

    /// Makes a client that sends these headers.
    pub(crate) fn with(address: SocketAddr, headers: &[(&str, &str)]) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_idle_connections(0) // the service closes what idles, perhaps in the same moment
            .timeout_global(Some(PATIENCE))
            .build()
            .new_agent();
        Self {
            agent,
            base: format!("http://{address}"),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
        }
    }

    /// Posts a body; returns HTTP status and answer.
    pub(crate) fn post(&self, path: &str, body: &str) -> (u16, Value) {
        let mut request = self
            .agent
            .post(format!("{}{path}", self.base))
            .header("content-type", "application/json")
            .header("user-agent", "test/1");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut response = request.send(body).unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        let answer = serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"));
        (response.status().as_u16(), answer)
    }

    /// Calls a route; returns the result.
    pub(crate) fn call(&self, route: &str, params: &Value) -> Value {
        let body = json!({"params": params}).to_string();
        let (http, mut answer) = self.post(&format!("/api/esms_otp/{route}"), &body);
        assert_eq!(http, 200, "{answer}");
        answer["result"].take()
    }

    pub(crate) fn send(&self, params: &Value) -> Value {
        self.call("send_esms_otp", params)
    }

    /// Answers a code on a place.
    pub(crate) fn verify(&self, place: Value, otp: &str) -> Value {
        self.call("verify_esms_otp", &with(place, json!({"otp": otp})))
    }

    pub(crate) fn signature(&self, place: &Value) -> Value {
        self.call("get_esms_otp_signature", place)
    }

    /// Returns status and text of a page.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let mut response = self
            .agent
            .get(format!("{}{path}", self.base))
            .call()
            .unwrap();
        (
            response.status().as_u16(),
            response.body_mut().read_to_string().unwrap(),
        )
    }

    /// Returns a count of `/metrics`; 0 where it is not there yet.
    pub(crate) fn count(&self, name: &str) -> u64 {
        let text = self.get("/metrics").1;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |count| count.parse().unwrap())
    }
}

/// What the fake gateway does with the next messages.
#[derive(Clone, Debug)]
pub(crate) enum Mood {
    /// Answers with this HTTP status and body.
    Says(u16, &'static str),
    /// Takes the message, and answers that it did once it is released.
    Hangs,
    /// Closes without an answer.
    Closes,
}

/// The gateway, as far as one message goes.
pub(crate) struct FakeEsms {
    address: SocketAddr,
    mood: Mutex<Mood>,
    messages: Mutex<Vec<(String, String)>>,
    released: (Mutex<bool>, Condvar),
}

const TAKEN: &str = r#"{"status":0,"creditDeducted":1,"message":"ok","id":"1","parts":1,"type":0}"#;

impl FakeEsms {
    pub(crate) fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let esms = Arc::new(Self {
            address: listener.local_addr().unwrap(),
            mood: Mutex::new(Mood::Says(200, TAKEN)),
            messages: Mutex::default(),
            released: Default::default(),
        });
        let serving = esms.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (serving, stream) = (serving.clone(), stream.unwrap());
                std::thread::spawn(move || serving.serve(stream));
            }
        });
        esms
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/sms/send", self.address)
    }

    pub(crate) fn mood(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// Lets messages that hang be answered.
    pub(crate) fn release(&self) {
        *self.released.0.lock().unwrap() = true;
        self.released.1.notify_all();
    }

    /// Returns number and text of each message.
    pub(crate) fn messages(&self) -> Vec<(String, String)> {
        self.messages.lock().unwrap().clone()
    }

    pub(crate) fn code(&self) -> String {
        let (_, text) = self.messages().pop().expect("a message");
        code_in(&text)
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut line, mut length) = (String::new(), 0);
        while reader.read_line(&mut line).unwrap_or(0) > 2 {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut body = vec![0; length];
        if length == 0 || reader.read_exact(&mut body).is_err() {
            return;
        }
        let form = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(
            &format!("/?{}", String::from_utf8(body).unwrap())
                .parse()
                .unwrap(),
        );
        let form = form.unwrap().0;
        let member = |name: &str| {
            let found = form.iter().find(|(known, _)| known == name);
            found.unwrap_or_else(|| panic!("no {name}")).1.clone()
        };
        assert_eq!(
            (member("user"), member("pass")),
            ("bank".into(), "secret".into())
        );
        let message = (member("to"), member("msg"));
        let mood = self.mood.lock().unwrap().clone();
        self.messages.lock().unwrap().push(message);
        let (http, body) = match mood {
            Mood::Says(http, body) => (http, body),
            Mood::Closes => return,
            Mood::Hangs => {
                let mut released = self.released.0.lock().unwrap();
                while !*released {
                    released = self.released.1.wait(released).unwrap();
                }
                (200, TAKEN)
            }
        };
        let head = format!(
            "HTTP/1.1 {http} x\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all((head + body).as_bytes());
    }
}

/// Finds the code in a message.
pub(crate) fn code_in(text: &str) -> String {
    let code = text.split("code is ").nth(1).expect("a code");
    code[..6].to_owned()
}

/// A directory whose answers a test chooses.
pub(crate) struct Scripted<F>(pub(crate) F);

impl<F> Directory for Scripted<F>
where
    F: Fn(&User, &Target<'_>, Access) -> Result<Terms, Denial> + Send + Sync,
{
    fn authenticate(&self, caller: &Caller<'_>) -> Result<User, NoUser> {
        let mut user = DemoDirectory::new()?.authenticate(caller)?;
        if user.id == "404" {
            user.mobile = None;
        }
        Ok(user)
    }

    fn look_up(&self, user: &User, field: &Target<'_>, to: Access) -> Result<Terms, Denial> {
        self.0(user, field, to)
    }
}
