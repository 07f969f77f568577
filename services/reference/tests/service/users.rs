//! Users by configuration: tokens of an issuer, headers of a proxy, and a callback for what may be
//! signed. Issuer and callback are servers on loopback, which a test makes.

use core::net::SocketAddr;
use core::time::Duration;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use otp_engine::Clock as _;
use otp_engine_reference::directory::Login;
use otp_engine_reference::directory::configured::ConfiguredDirectory;
use otp_engine_testkit::{Folder, wait_until};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair as RsaKeyPair, PublicKeyComponents};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use serde_json::{Value, json};

use crate::harness::{Client, Service, Setup, place, with, wrong};
use crate::process::{Running, program, text};

/// A server whose next answers a test chooses.
struct Fake {
    address: SocketAddr,
    says: Mutex<Says>,
    asked: Mutex<Vec<(String, Value)>>,
}

#[derive(Clone)]
enum Says {
    /// This HTTP status and body.
    Body(u16, String),
    /// Nothing, until something else is said.
    Hangs,
    /// Nothing: it closes.
    Closes,
    /// An announced length, and less.
    Breaks,
}

impl Fake {
    fn start(says: Says) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let fake = Arc::new(Self {
            address: listener.local_addr().unwrap(),
            says: Mutex::new(says),
            asked: Mutex::default(),
        });
        let serving = fake.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (serving, stream) = (serving.clone(), stream.unwrap());
                std::thread::spawn(move || serving.serve(stream));
            }
        });
        fake
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    fn say(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }

    fn json(&self, body: &Value) {
        self.say(Says::Body(200, body.to_string()));
    }

    fn times(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// Returns head and body of the newest request.
    fn newest(&self) -> (String, Value) {
        self.asked.lock().unwrap().last().unwrap().clone()
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let start = head.len();
            if reader.read_line(&mut head).unwrap_or(0) <= 2 {
                break;
            }
            if let Some(value) = head[start..]
                .to_ascii_lowercase()
                .strip_prefix("content-length:")
            {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let body = serde_json::from_slice(&body).unwrap_or_default();
        self.asked.lock().unwrap().push((head, body));
        while matches!(*self.says.lock().unwrap(), Says::Hangs) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let says = self.says.lock().unwrap().clone();
        let (status, length, body) = match says {
            Says::Body(status, body) => (status, body.len(), body),
            Says::Breaks => (200, 100, "{".into()),
            Says::Closes | Says::Hangs => return,
        };
        let head = format!(
            "HTTP/1.1 {status} x\r\nlocation: http://127.0.0.1:1/\r\ncontent-type: application/json\r\n\
             connection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        let _ = stream.write_all((head + &body).as_bytes());
    }
}

/// A key of an issuer.
enum Signer {
    Ed(Ed25519KeyPair),
    Ec(Box<EcdsaKeyPair>),
    Rsa(Box<RsaKeyPair>),
    /// A shared secret, and the algorithm that the header names.
    Secret(Vec<u8>),
    Nothing,
}

impl Signer {
    fn ed(seed: u8) -> Self {
        Self::Ed(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    fn ec() -> Self {
        let (how, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let made = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(how, made.as_ref(), &random);
        Self::Ec(Box::new(pair.unwrap()))
    }

    /// By the OpenSSL of the machine: ring makes none.
    fn rsa() -> Self {
        let flags = ["genpkey", "-algorithm", "RSA", "-outform", "DER"];
        let made = Command::new("openssl")
            .args(flags)
            .args(["-pkeyopt", "rsa_keygen_bits:2048"])
            .output()
            .unwrap();
        assert!(made.status.success());
        // Some versions write PKCS#8, others the older form of RSA alone.
        let pair = RsaKeyPair::from_pkcs8(&made.stdout);
        let pair = pair.or_else(|_| RsaKeyPair::from_der(&made.stdout));
        Self::Rsa(Box::new(pair.unwrap()))
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed(_) => "EdDSA",
            Self::Ec(_) => "ES256",
            Self::Rsa(_) => "RS256",
            Self::Secret(_) => "HS256",
            Self::Nothing => "none",
        }
    }

    /// Returns the bytes of the public key.
    fn public(&self) -> Vec<u8> {
        match self {
            Self::Ed(pair) => pair.public_key().as_ref().into(),
            Self::Ec(pair) => pair.public_key().as_ref().into(),
            _ => panic!("it has none"),
        }
    }

    fn jwk(&self, kid: &str) -> Value {
        let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let key = match self {
            Self::Ed(_) => json!({"kty": "OKP", "crv": "Ed25519", "x": b64(&self.public())}),
            Self::Ec(_) => {
                let point = self.public();
                json!({"kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..])})
            }
            Self::Rsa(pair) => {
                let public: PublicKeyComponents<Vec<u8>> = pair.public().into();
                json!({"kty": "RSA", "n": b64(&public.n), "e": b64(&public.e)})
            }
            _ => panic!("it has none"),
        };
        with(
            key,
            json!({"kid": kid, "use": "sig", "alg": self.algorithm()}),
        )
    }

    /// Signs claims as the key `kid`.
    fn token(&self, kid: &str, claims: &Value) -> String {
        let header = json!({"alg": self.algorithm(), "typ": "JWT", "kid": kid});
        self.sign(&header, claims)
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let bytes = message.as_bytes();
        let random = SystemRandom::new();
        let signature = match self {
            Self::Ed(pair) => pair.sign(bytes).as_ref().to_vec(),
            Self::Ec(pair) => pair.sign(&random, bytes).unwrap().as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut signature)
                    .unwrap();
                signature
            }
            Self::Secret(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                hmac::sign(&key, bytes).as_ref().to_vec()
            }
            Self::Nothing => Vec::new(),
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn jwks(keys: &[Value]) -> Value {
    json!({"keys": keys})
}

/// Returns the configurations of docs/services.md, in their order: tokens by a URL, by a file, a proxy.
fn documented() -> [String; 3] {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/services.md");
    let page = fs::read_to_string(path).unwrap();
    let blocks = page.split("```toml\n").skip(1);
    let blocks: Vec<_> = blocks
        .map(|block| block.split_once("```").unwrap().0.to_owned())
        .collect();
    blocks.try_into().unwrap()
}

/// Writes a file of users and what it names into a folder.
fn write(folder: &Folder, users: &str) -> PathBuf {
    let token = folder.path().join("callback.token");
    fs::write(&token, "s3cret\n").unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    let path = folder.path().join("users.toml");
    fs::write(&path, users).unwrap();
    path
}

/// A service with the users of a documented configuration, whose servers are the test's.
struct World {
    issuer: Arc<Fake>,
    host: Arc<Fake>,
    key: Signer,
    service: Service,
}

const HOST: &str = "https://host.example.org/otp";
const ISSUER: &str = "https://login.example.org/jwks.json";

impl World {
    /// Tokens by a URL.
    fn tokens(more: &[(&str, &str)]) -> Self {
        Self::start(&documented()[0], more, &[])
    }

    fn start(users: &str, more: &[(&str, &str)], flags: &[&str]) -> Self {
        let key = Signer::ed(1);
        let set = jwks(&[key.jwk("a")]).to_string();
        let issuer = Fake::start(Says::Body(200, set));
        let host = Fake::start(Says::Body(200, json!({"allow": true}).to_string()));
        let mut users = users
            .replace(HOST, &host.url("otp"))
            .replace("http://127.0.0.1:8080/otp", &host.url("otp"))
            .replace(ISSUER, &issuer.url("jwks.json"));
        for (from, to) in more {
            assert!(users.contains(from), "{from}");
            users = users.replace(from, to);
        }
        let mut setup = Setup::new();
        fs::write(
            setup.folder.path().join("jwks.json"),
            jwks(&[key.jwk("a")]).to_string(),
        )
        .unwrap();
        let path = write(&setup.folder, &users);
        let directory = ConfiguredDirectory::open(&path, setup.clock.clone()).unwrap();
        setup = setup.directory(directory);
        Self {
            issuer,
            host,
            key,
            service: setup.start(flags),
        }
    }

    fn claims(&self) -> Value {
        let now = self.service.setup.clock.now().unwrap().unix();
        json!({
            "iss": "https://login.example.org", "aud": "otp", "exp": now + 300, "nbf": now - 300,
            "sub": "7", "tenant": "bank", "name": "Siti Aminah", "phone_number": "+60123456789",
        })
    }

    /// Returns a client with this token.
    fn with_token(&self, token: &str) -> Client {
        let authorization = format!("Bearer {token}");
        Client::with(self.service.address, &[("authorization", &authorization)])
    }

    /// Returns the client of user 7, whose token is good.
    fn client(&self) -> Client {
        self.with_token(&self.key.token("a", &self.claims()))
    }

    fn messages(&self) -> usize {
        self.service.setup.esms.messages().len()
    }

    /// Asserts that a send by this client is told that nobody is logged in, and why.
    fn nobody(&self, client: &Client, why: &str) {
        let (asked, sent) = (self.host.times(), self.messages());
        let (http, answer) = client.post(SEND, &json!({"params": place()}).to_string());
        let told = &answer["error"];
        assert_eq!((http, &told["code"]), (200, &json!(100)), "{answer}: {why}");
        assert_eq!(told["data"]["message"], why, "{answer}");
        assert_eq!(self.host.times(), asked, "the callback was asked: {why}");
        assert_eq!(self.messages(), sent, "{why}");
    }
}

const SEND: &str = "/api/esms_otp/send_esms_otp";
const AWAY: &str = "The directory of users is not available; try again in a moment";
const UNUSABLE: &str = "The directory of users gave no usable answer";
const ALGORITHM: &str = "The header of the token cannot be read, or its algorithm is not accepted";

#[test]
fn case_540_a_token_of_each_algorithm_logs_in_and_signs() {
    let world = World::tokens(&[]);
    let keys = [Signer::ed(2), Signer::ec(), Signer::rsa()];
    let jwk: Vec<_> = keys.iter().map(|key| key.jwk(key.algorithm())).collect();
    world.issuer.json(&jwks(&jwk));
    let service = &world.service;
    for (id, key) in (20..).zip(&keys) {
        let place = with(place(), json!({"id": id}));
        let client = world.with_token(&key.token(key.algorithm(), &world.claims()));
        let sent = client.send(&place);
        assert_eq!(sent["status"], 200, "{}: {sent}", key.algorithm());
        assert_eq!(sent["recipient_mobile"], "60123456789");
        let (head, asked) = world.host.newest();
        assert!(head.starts_with("POST /otp HTTP/1.1"), "{head}");
        assert!(head.contains("authorization: Bearer s3cret\r\n"), "{head}");
        let question = json!({
            "action": "sign", "user": "7", "tenant": "bank", "model": "loan.application",
            "record": id.to_string(), "field": "client_signature",
        });
        assert_eq!(asked, question);
        let (_, message) = service.setup.esms.messages().pop().unwrap();
        assert!(message.starts_with("RM0.00 Your code is "), "{message}");
        let verified = client.verify(place.clone(), &service.code());
        assert_eq!(verified["status"], 200, "{verified}");
        let shown = client.signature(&place);
        assert_eq!(shown["signer_name"], "Siti Aminah", "{shown}");
        assert_eq!(world.host.newest().1["action"], "read");
        // Another tenant sees none of it.
        let claims = with(world.claims(), json!({"tenant": "other"}));
        let other = world.with_token(&key.token(key.algorithm(), &claims));
        assert_eq!(other.signature(&place)["message"], "Nothing is signed yet");
    }
    // One audience of several, an id that is a number, and times that are not whole.
    let claims = json!({"aud": ["x", "otp"], "sub": 7, "nbf": 1.5});
    let claims = with(world.claims(), claims);
    let client = world.with_token(&keys[0].token("EdDSA", &claims));
    assert_eq!(client.signature(&place())["status"], 404);
    assert_eq!(world.host.newest().1["user"], "7");
}

#[test]
fn case_541_a_token_that_is_not_good_is_told_why_and_nothing_is_sent() {
    let world = World::tokens(&[]);
    let (ec, rsa) = (Signer::ec(), Signer::rsa());
    world.issuer.json(&jwks(&[
        world.key.jwk("a"),
        ec.jwk("ec"),
        rsa.jwk("rsa"),
        json!({"kty": "oct", "kid": "shared", "k": "c2VjcmV0", "alg": "HS256"}),
        json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "short"}),
        with(Signer::ed(4).jwk("encrypts"), json!({"use": "enc"})),
        with(Signer::ed(5).jwk("differs"), json!({"alg": "RS256"})),
    ]));
    let key = &world.key;
    let with_claims = |more: Value| key.token("a", &with(world.claims(), more));
    let without = |name: &str| {
        let mut claims = world.claims();
        claims.as_object_mut().unwrap().remove(name);
        key.token("a", &claims)
    };
    let good = key.token("a", &world.claims());
    let now = world.service.setup.clock.now().unwrap().unix();
    let claims = &world.claims();
    let (message, _) = good.rsplit_once('.').unwrap();
    let (head, _) = message.split_once('.').unwrap();
    let other = with_claims(json!({"sub": "8"}));
    let forged = other.split('.').nth(1).unwrap();
    let signature = good.rsplit_once('.').unwrap().1;
    let crit = json!({"alg": "EdDSA", "kid": "a", "crit": ["x"], "x": 1});
    let required = "The token must have the claims exp, iss and aud";
    let nobody = "The token does not name a user and a tenant";
    let unknown = "The key of the token is not known";
    let of = |signer: &Signer, kid: &str| signer.token(kid, claims);
    for (token, why) in [
        (
            with_claims(json!({"aud": "shop"})),
            "The token is for another audience",
        ),
        (
            with_claims(json!({"aud": ["shop"]})),
            "The token is for another audience",
        ),
        (
            with_claims(json!({"iss": "https://evil.example"})),
            "The token is of another issuer",
        ),
        (
            with_claims(json!({"exp": now - 30})),
            "The token has expired",
        ),
        (
            with_claims(json!({"nbf": now + 31})),
            "The token is not valid yet",
        ),
        (
            with_claims(json!({"nbf": "soon"})),
            "The claim nbf of the token is no time",
        ),
        (with_claims(json!({"exp": "later"})), required),
        (without("exp"), required),
        (without("iss"), required),
        (without("aud"), required),
        (with_claims(json!({"sub": ""})), nobody),
        (with_claims(json!({"sub": "x".repeat(129)})), nobody),
        (
            with_claims(json!({"sub": ["7"]})),
            "The token cannot be read",
        ),
        (without("tenant"), nobody),
        // What is signed by nobody, or by who knows the public keys.
        (of(&Signer::Nothing, "a"), ALGORITHM),
        (format!("{message}."), "The signature of the token is wrong"),
        (
            of(&Signer::Secret(key.public()), "a"),
            "The algorithm of the token is not accepted",
        ),
        (
            of(&Signer::Secret(b"secret".into()), "shared"),
            "The algorithm of the token is not accepted",
        ),
        (
            key.sign(&json!({"alg": "HS256", "kid": "a"}), claims),
            "The algorithm of the token is not accepted",
        ),
        (
            format!("{head}.{forged}.{signature}"),
            "The signature of the token is wrong",
        ),
        (
            of(&Signer::ed(3), "a"),
            "The signature of the token is wrong",
        ),
        // A key of one type under the id of another.
        (of(key, "ec"), unknown),
        (of(&ec, "rsa"), unknown),
        (of(&rsa, "a"), unknown),
        (of(key, "nobody"), unknown),
        (of(&Signer::ed(0), "short"), unknown),
        (of(&Signer::ed(4), "encrypts"), unknown),
        (of(&Signer::ed(5), "differs"), unknown),
        (
            key.sign(&json!({"alg": "EdDSA"}), claims),
            "The token does not name its key",
        ),
        (key.sign(&crit, claims), "The token cannot be read"),
        ("x.y.z".into(), ALGORITHM),
        ("x".into(), ALGORITHM),
        ("x".repeat(8193), "There is no bearer token"),
    ] {
        world.nobody(&world.with_token(&token), why);
    }
    let address = world.service.address;
    let none = "There is no bearer token";
    world.nobody(&Client::of(address, "7"), none);
    let bearer = format!("Bearer {good}");
    let twice = [("authorization", &*bearer), ("authorization", &*bearer)];
    world.nobody(&Client::with(address, &twice), none);
    world.nobody(
        &Client::with(address, &[("authorization", "Basic eDp5")]),
        none,
    );
    // The same search lets the good one through, within the leeway as well.
    let late = with_claims(json!({"exp": now - 29, "nbf": now + 30}));
    assert_eq!(world.with_token(&late).send(&place())["status"], 200);
}

#[test]
fn case_542_an_algorithm_that_is_not_listed_is_not_accepted() {
    let listed = [(r#"["EdDSA", "ES256", "RS256"]"#, r#"["ES256"]"#)];
    let world = World::tokens(&listed);
    let ec = Signer::ec();
    world
        .issuer
        .json(&jwks(&[world.key.jwk("a"), ec.jwk("ec")]));
    world.nobody(
        &world.client(),
        "The algorithm of the token is not accepted",
    );
    let client = world.with_token(&ec.token("ec", &world.claims()));
    assert_eq!(client.send(&place())["status"], 200);
}

#[test]
fn case_543_keys_rotate_and_are_fetched_at_most_once_a_minute_for_one_that_is_not_known() {
    let world = World::tokens(&[]);
    let (issuer, service) = (&world.issuer, &world.service);
    assert_eq!(world.client().signature(&place())["status"], 404);
    assert_eq!(issuer.times(), 1);
    let unknown = "The key of the token is not known";
    let next = Signer::ed(2);
    let client = || world.with_token(&next.token("b", &world.claims()));
    for _ in 0..3 {
        world.nobody(&client(), unknown);
    }
    assert_eq!(issuer.times(), 1, "the keys are of this minute");
    service.pass(60);
    issuer.json(&jwks(&[next.jwk("b")]));
    assert_eq!(client().signature(&place())["status"], 404, "rotated");
    assert_eq!(issuer.times(), 2);
    world.nobody(&world.client(), unknown); // the withdrawn one
    service.pass(30);
    world.nobody(&world.client(), unknown);
    assert_eq!(issuer.times(), 2);
    service.pass(30);
    world.nobody(&world.client(), unknown);
    assert_eq!(issuer.times(), 3);
    // Known keys are good for `cache` seconds; then a withdrawn one goes with the next request.
    service.pass(300);
    assert_eq!(client().signature(&place())["status"], 404);
    assert_eq!(issuer.times(), 3);
    service.pass(1);
    issuer.json(&jwks(&[world.key.jwk("a")]));
    world.nobody(&client(), unknown);
    assert_eq!(issuer.times(), 4);
}

#[test]
fn case_544_while_the_issuer_is_down_kept_keys_go_on_for_a_while() {
    let world = World::tokens(&[]);
    let (issuer, service) = (&world.issuer, &world.service);
    let status = || world.client().signature(&place())["status"].clone();
    assert_eq!(status(), 404);
    for down in [
        Says::Closes,
        Says::Body(500, "{}".into()),
        Says::Body(200, "[]".into()),
        Says::Body(200, jwks(&[]).to_string()),
        Says::Body(
            200,
            jwks(&[world.key.jwk("a"), world.key.jwk("a")]).to_string(),
        ),
        Says::Body(
            200,
            format!("{}{}", jwks(&[world.key.jwk("a")]), " ".repeat(300_000)),
        ),
        Says::Body(302, "{}".into()),
        Says::Breaks,
    ] {
        issuer.say(down);
        let asked = issuer.times();
        service.pass(400);
        assert_eq!(status(), 404, "a kept key");
        assert_eq!(status(), 404);
        assert_eq!(
            issuer.times(),
            asked + 1,
            "it is not asked for each request"
        );
    }
    service.pass(401); // 3601 s after the only load
    let sent = world.messages();
    let answer = world.client().send(&place());
    assert_eq!(
        (&answer["status"], &answer["message"]),
        (&json!(503), &json!(AWAY))
    );
    assert_eq!(answer["reference"].as_str().unwrap().len(), 12);
    assert_eq!(world.messages(), sent);
    assert_eq!(
        world
            .client()
            .count(r#"otp_reference_failures_total{cause="directory_unavailable"}"#),
        1
    );
    issuer.json(&jwks(&[world.key.jwk("a")]));
    assert_eq!(status(), 503, "it was asked just now");
    service.pass(5);
    assert_eq!(status(), 404, "it is back");
}

#[test]
fn case_545_an_issuer_that_hangs_is_given_up_and_stops_nobody_who_has_a_key() {
    let world = World::tokens(&[("timeout = 5\n\n[callback]", "timeout = 1\n\n[callback]")]);
    world.issuer.say(Says::Hangs);
    let answer = world.client().send(&place());
    assert_eq!(
        (&answer["status"], &answer["message"]),
        (&json!(503), &json!(AWAY))
    );
    world.issuer.json(&jwks(&[world.key.jwk("a")]));
    world.service.pass(5);
    assert_eq!(world.client().send(&place())["status"], 200);
    world.issuer.say(Says::Hangs);
    world.service.pass(310);
    let asked = world.issuer.times();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| world.client().signature(&place()));
        wait_until("somebody loads", || world.issuer.times() > asked);
        let before = world.issuer.times();
        assert_eq!(world.client().signature(&place())["status"], 404);
        assert_eq!(world.issuer.times(), before, "one load at a time");
        assert_eq!(
            first.join().unwrap()["status"],
            404,
            "and the one who waited"
        );
    });
    world.issuer.say(Says::Closes);
}

#[test]
fn case_546_headers_count_from_the_addresses_of_the_proxy_alone() {
    let world = World::start(&documented()[2], &[], &[]);
    let address = world.service.address;
    let login = [
        ("remote-user", "siti"),
        ("remote-tenant", "bank"),
        ("remote-name", "Siti Aminah"),
        ("remote-mobile", "60123456789"),
    ];
    let client = Client::with(address, &login);
    let sent = client.send(&place());
    assert_eq!(sent["status"], 200, "{sent}");
    assert_eq!(sent["recipient_mobile"], "60123456789");
    let (_, asked) = world.host.newest();
    assert_eq!(
        (&asked["user"], &asked["tenant"]),
        (&json!("siti"), &json!("bank"))
    );
    assert_eq!(client.verify(place(), &world.service.code())["status"], 200);
    assert_eq!(client.signature(&place())["signer_name"], "Siti Aminah");
    let nobody = "The proxy does not name a user and a tenant";
    world.nobody(&Client::with(address, &login[1..]), nobody);
    world.nobody(&Client::with(address, &login[..1]), nobody);
    let twice = [&login[..], &[("remote-user", "admin")]].concat();
    world.nobody(&Client::with(address, &twice), nobody);
    world.nobody(&Client::of(address, "7"), nobody);

    // The same headers from this address, which is none of the proxy's.
    let addresses = [(
        r#"["127.0.0.1", "10.1.0.0/16"]"#,
        r#"["10.1.0.0/16", "::1"]"#,
    )];
    let world = World::start(&documented()[2], &addresses, &[]);
    let other = "The request does not come from a proxy that logs users in";
    world.nobody(&Client::with(world.service.address, &login), other);
    let forwarded = [&login[..], &[("x-forwarded-for", "10.1.0.1")]].concat();
    world.nobody(&Client::with(world.service.address, &forwarded), other);
}

#[test]
fn case_547_what_the_callback_allows_is_what_is_sent_and_signed() {
    let world = World::tokens(&[]);
    let (client, service) = (world.client(), &world.service);
    let allow = |more: Value| world.host.json(&with(json!({"allow": true}), more));
    let yes = json!({
        "mobile": "+60129876543", "content": ["loan", "15", "15000.00"],
        "text": "#otp# signs #subject#.", "subject": "a loan of RM 15,000",
    });
    allow(yes.clone());
    let sent = client.send(&place());
    assert_eq!(
        sent["recipient_mobile"], "60129876543",
        "not the one of the token"
    );
    let (to, message) = service.setup.esms.messages().pop().unwrap();
    let code = message.strip_prefix("RM0.00 ").unwrap()[..6].to_owned();
    let said = format!("RM0.00 {code} signs a loan of RM 15,000.");
    assert_eq!((to, message), ("60129876543".into(), said));
    // The code is void for another content or number, and good for these again.
    let invalid = json!({"status": 400, "message": "Invalid or expired OTP"});
    for other in [
        json!({"content": ["loan", "15", "15000.01"]}),
        json!({"content": null}),
        json!({"mobile": "+60123456789"}),
        json!({"content": null, "document_sha256": "ab".repeat(32)}),
    ] {
        allow(with(yes.clone(), other.clone()));
        assert_eq!(client.verify(place(), &code), invalid, "{other}");
    }
    allow(yes);
    assert_eq!(client.verify(place(), &code)["status"], 200);

    // A document, and a captured signature.
    allow(json!({"document_sha256": "ab".repeat(32), "require_image": true}));
    let other = with(place(), json!({"id": 16}));
    assert_eq!(
        client.send(&other)["recipient_mobile"],
        "60123456789",
        "the token's"
    );
    let code = service.code();
    let lacks = client.verify(other.clone(), &code);
    assert_eq!(
        lacks,
        json!({"status": 400, "message": "signature is required"})
    );
    // No number at all.
    let mut claims = world.claims();
    claims.as_object_mut().unwrap().remove("phone_number");
    let nowhere = world
        .with_token(&world.key.token("a", &claims))
        .send(&other);
    let message = json!("No usable mobile number is registered");
    assert_eq!(
        (&nowhere["status"], &nowhere["message"]),
        (&json!(400), &message)
    );
}

#[test]
fn case_548_what_the_callback_refuses_is_refused_in_its_words() {
    let world = World::tokens(&[]);
    let client = world.client();
    assert_eq!(client.send(&place())["status"], 200);
    let code = world.service.code();
    for (no, status, message) in [
        (json!({"allow": false}), 403, "You may not sign this field"),
        (
            json!({"allow": false, "reason": "The loan is already signed"}),
            403,
            "The loan is already signed",
        ),
        (
            json!({"allow": false, "status": 403, "reason": "No"}),
            403,
            "No",
        ),
        (
            json!({"allow": false, "status": 404}),
            404,
            "No such record",
        ),
        (
            json!({"allow": false, "mobile": "+60123456789", "text": "#otp#"}),
            403,
            "You may not sign this field",
        ),
    ] {
        world.host.json(&no);
        let told = json!({"status": status, "message": message});
        let elsewhere = with(place(), json!({"id": 99}));
        assert_eq!(client.send(&elsewhere), told);
        assert_eq!(client.verify(place(), &code), told);
        assert_eq!(client.signature(&place()), told);
    }
    assert_eq!(world.messages(), 1);
    world.host.json(&json!({"allow": true}));
    assert_eq!(client.verify(place(), &code)["status"], 200, "not used up");
}

#[test]
fn case_549_anything_but_a_clean_yes_sends_nothing_and_judges_nothing() {
    let world = World::tokens(&[("timeout = 5\n\n[message]", "timeout = 1\n\n[message]")]);
    let client = world.client();
    assert_eq!(client.send(&place())["status"], 200);
    let code = world.service.code();
    let yes = |more: Value| Says::Body(200, with(json!({"allow": true}), more).to_string());
    let raw = |text: &str| Says::Body(200, text.into());
    let (status, unusable) = (|n: u16| Says::Body(n, r#"{"allow": true}"#.into()), 502);
    let cases = [
        (Says::Closes, 503),
        (Says::Breaks, 503),
        (Says::Hangs, 503),
        (status(500), 503),
        (status(503), 503),
        (status(201), unusable),
        (status(302), unusable),
        (status(401), unusable),
        (status(404), unusable),
        (raw(""), unusable),
        (raw("yes"), unusable),
        (raw("[]"), unusable),
        (
            raw(r#"[false, 403, "No", null, null, null, null, null, false]"#),
            unusable,
        ),
        (raw("{}"), unusable),
        (raw(r#"{"allow": "true"}"#), unusable),
        (raw(r#"{"allow": 1}"#), unusable),
        (raw(r#"{"allow": null}"#), unusable),
        (raw(r#"{"allow": true"#), unusable),
        (raw(r#"{"allow": true} {"allow": true}"#), unusable),
        (raw(r#"{"allow": false, "allow": true}"#), unusable),
        (
            Says::Body(200, format!("{{\"allow\": true{}}}", " ".repeat(16 * 1024))),
            unusable,
        ),
        (yes(json!({"amout": "1"})), unusable),
        (yes(json!({"mobile": "0123"})), unusable),
        (yes(json!({"mobile": 60_123_456_789_u64})), unusable),
        (yes(json!({"content": "15000.00"})), unusable),
        (yes(json!({"content": []})), unusable),
        (yes(json!({"content": vec!["x"; 65]})), unusable),
        (
            yes(json!({"content": ["x"], "document_sha256": "ab".repeat(32)})),
            unusable,
        ),
        (yes(json!({"document_sha256": "ab"})), unusable),
        (yes(json!({"document_sha256": "xy".repeat(32)})), unusable),
        (yes(json!({"document_sha256": "é".repeat(32)})), unusable),
        (yes(json!({"text": "no code"})), unusable),
        (
            yes(json!({"text": format!("#otp# {}", "x".repeat(1000))})),
            unusable,
        ),
        (
            yes(json!({"subject": "what the text has no place for"})),
            unusable,
        ),
        (
            yes(json!({"text": "#otp# #subject#", "subject": "loan 123456"})),
            unusable,
        ),
        (yes(json!({"reason": "No"})), unusable),
        (yes(json!({"status": 403})), unusable),
        (raw(r#"{"allow": false, "status": 200}"#), unusable),
        (raw(r#"{"allow": false, "reason": ""}"#), unusable),
        (raw(r#"{"allow": false, "reason": "a\nb"}"#), unusable),
        (
            Says::Body(
                200,
                json!({"allow": false, "reason": "x".repeat(257)}).to_string(),
            ),
            unusable,
        ),
    ];
    for (says, status) in cases {
        world.host.say(says);
        let message = if status == 503 { AWAY } else { UNUSABLE };
        let elsewhere = with(place(), json!({"id": 99}));
        for answer in [
            client.send(&elsewhere),
            client.verify(place(), &wrong(&code)),
        ] {
            let told = (&answer["status"], &answer["message"]);
            assert_eq!(told, (&json!(status), &json!(message)), "{answer}");
            let (_, asked) = world.host.newest();
            assert_eq!(asked["user"], "7");
        }
        assert_eq!(client.signature(&place())["status"], status);
    }
    assert_eq!(world.messages(), 1, "nothing is sent");
    world.host.json(&json!({"allow": true}));
    let wrong = client.verify(place(), &wrong(&code));
    assert_eq!(wrong["attempts_left"], 4, "no guess was compared");
    assert_eq!(client.verify(place(), &code)["status"], 200);
    let count = |cause: &str| {
        client.count(&format!(
            r#"otp_reference_failures_total{{cause="{cause}"}}"#
        ))
    };
    assert_eq!(
        (count("directory_unavailable"), count("directory_invalid")),
        (15, 108)
    );

    // Nobody listens.
    let down = World::start(
        &documented()[0].replace(HOST, "http://127.0.0.1:1/otp"),
        &[],
        &[],
    );
    let answer = down.client().send(&place());
    assert_eq!(
        (&answer["status"], &answer["message"]),
        (&json!(503), &json!(AWAY))
    );
    assert_eq!(down.messages(), 0);
}

#[test]
fn case_550_a_callback_that_hangs_takes_no_place_of_the_store() {
    let users = documented()[0].replace("timeout = 5\n\n[message]", "timeout = 30\n\n[message]");
    let world = World::start(&users, &[], &["--max-operations", "1"]);
    world.host.say(Says::Hangs);
    std::thread::scope(|scope| {
        let client = world.client();
        let waits = scope.spawn(move || client.send(&place()));
        wait_until("the callback is asked", || world.host.times() == 1);
        assert_eq!(world.client().get("/health/ready").0, 200);
        world.host.json(&json!({"allow": true}));
        assert_eq!(waits.join().unwrap()["status"], 200, "before the time-out");
    });
}

#[test]
fn case_551_keys_of_a_file_are_read_at_the_start_and_anew() {
    let world = World::start(&documented()[1], &[], &[]);
    let client = world.client();
    assert_eq!(
        client.send(&place())["recipient_mobile"],
        Value::Null,
        "no claim"
    );
    world
        .host
        .json(&json!({"allow": true, "mobile": "+60123456789"}));
    assert_eq!(client.send(&place())["status"], 200);
    assert_eq!(world.host.newest().1["tenant"], "bank");
    assert!(!world.host.newest().0.contains("authorization"));
    let next = Signer::ed(2);
    let path = world.service.setup.folder.path().join("jwks.json");
    fs::write(&path, jwks(&[next.jwk("b")]).to_string()).unwrap();
    let client = world.with_token(&next.token("b", &world.claims()));
    world.nobody(&client, "The key of the token is not known");
    world.service.server.reload().unwrap(); // SIGHUP
    assert_eq!(client.signature(&place())["status"], 404);
    // What cannot be read changes nothing.
    fs::write(&path, "{}").unwrap();
    let error = world.service.server.reload().unwrap_err().to_string();
    assert!(error.contains("jwks.json"), "{error}");
    assert_eq!(client.signature(&place())["status"], 404);
}

#[test]
fn case_552_a_reload_keeps_fetched_keys_and_takes_a_new_file() {
    let world = World::tokens(&[]);
    assert_eq!(world.client().signature(&place())["status"], 404);
    world.issuer.say(Says::Closes);
    let path = world.service.setup.folder.path().join("users.toml");
    let users = fs::read_to_string(&path).unwrap();
    fs::write(
        &path,
        users.replace(&world.host.url("otp"), &world.host.url("new")),
    )
    .unwrap();
    world.service.server.reload().unwrap();
    assert_eq!(
        world.client().signature(&place())["status"],
        404,
        "the kept keys"
    );
    assert!(world.host.newest().0.starts_with("POST /new "));
    fs::write(&path, "x").unwrap();
    assert!(world.service.server.reload().is_err());
    assert_eq!(world.client().signature(&place())["status"], 404);
}

#[test]
fn case_553_a_wrong_value_is_an_error_that_names_the_key_and_the_bound() {
    let folder = Folder::new();
    let clock = Setup::new().clock;
    let [tokens, file, proxy] = documented();
    let set = folder.path().join("jwks.json");
    fs::write(&set, jwks(&[Signer::ed(1).jwk("a")]).to_string()).unwrap();
    let opened = |users: &str| {
        let path = write(&folder, users);
        ConfiguredDirectory::open(&path, clock.clone()).map(drop)
    };
    for users in [&tokens, &file, &proxy] {
        opened(users).unwrap();
    }
    let token = r#"token_file = "callback.token""#;
    for (users, from, to, says) in [
        (
            &tokens,
            "leeway = 30",
            "leeway = 301",
            "jwt.leeway = 301; it must be 0 to 300 seconds",
        ),
        (&tokens, "leeway = 30", "leeway = -1", "leeway"),
        (&tokens, "leeway = 30", "leeway = \"x\"", "leeway"),
        (&tokens, "leeway = 30", "leway = 30", "leway"),
        (
            &tokens,
            "cache = 300",
            "cache = 9",
            "jwt.cache = 9; it must be 10 to 86400 seconds",
        ),
        (
            &tokens,
            "stale = 3600",
            "stale = 604801",
            "jwt.stale = 604801; it must be 10 to 604800 seconds",
        ),
        (
            &tokens,
            "stale = 3600",
            "stale = 299",
            "jwt.stale = 299; it must be at least jwt.cache, which is 300",
        ),
        (
            &tokens,
            "timeout = 5\n\n[callback]",
            "timeout = 31\n\n[callback]",
            "jwt.timeout = 31; it must be 1 to 30 seconds",
        ),
        (
            &tokens,
            "timeout = 5\n\n[message]",
            "timeout = 0\n\n[message]",
            "callback.timeout = 0; it must be 1 to 30 seconds",
        ),
        (
            &tokens,
            r#""RS256""#,
            r#""HS256""#,
            "they must be some of EdDSA, ES256 and RS256",
        ),
        (
            &tokens,
            r#""RS256""#,
            r#""none""#,
            "they must be some of EdDSA, ES256 and RS256",
        ),
        (
            &tokens,
            r#"["EdDSA", "ES256", "RS256"]"#,
            "[]",
            "they must be some of EdDSA, ES256 and RS256",
        ),
        (
            &tokens,
            r#"audience = "otp""#,
            r#"audience = """#,
            "jwt.audience of 0 bytes; it must be 1 to 512 bytes",
        ),
        (&tokens, r#"audience = "otp""#, "", "audience"),
        (
            &tokens,
            ISSUER,
            "http://login.example.org/jwks.json",
            "jwt.jwks = \"http://login.example.org/jwks.json\"; it must be",
        ),
        (
            &tokens,
            ISSUER,
            "file:///jwks.json",
            "must be a url that begins with https://, or with http:// on this machine",
        ),
        (
            &tokens,
            HOST,
            "http://host.example.org/otp",
            "callback.url = \"http://host.example.org/otp\"; it must be a url that begins with https://",
        ),
        (&tokens, HOST, "/otp", "callback.url = \"/otp\"; it must be"),
        (
            &tokens,
            "tenant_claim = \"tenant\"",
            "",
            "one of jwt.tenant, for all users, and jwt.tenant_claim",
        ),
        (
            &tokens,
            token,
            r#"token_file = "nothing""#,
            "callback.token_file: ",
        ),
        (
            &tokens,
            token,
            r#"token_file = "jwks.json""#,
            "it must be at most 0600",
        ),
        (&tokens, "#otp#", "#top#", "a message that cannot be used"),
        (
            &file,
            "jwks.json",
            "nothing.json",
            "jwt.jwks = \"nothing.json\", which cannot be read",
        ),
        (
            &file,
            "jwks.json",
            "users.toml",
            "jwt.jwks = \"users.toml\", which is no JWK set",
        ),
        (
            &file,
            "[jwt]",
            "[jwt]\nalgorithms = [\"RS256\"]",
            "which holds no key with an id for an algorithm that is allowed",
        ),
        (
            &proxy,
            "10.1.0.0/16",
            "10.1.0.0/33",
            "\"10.1.0.0/33\" in proxy.addresses",
        ),
        (
            &proxy,
            r#"["127.0.0.1", "10.1.0.0/16"]"#,
            "[]",
            "0 proxy.addresses; they must be 1 to 64",
        ),
        (
            &proxy,
            "Remote-User",
            "Remote User",
            "proxy.user_header = \"Remote User\"; it must be the name of a header",
        ),
        (&proxy, "[proxy]", "[other]", "other"),
        (&proxy, "[callback]", "[callbacks]", "callback"),
    ] {
        assert!(users.contains(from), "{from}");
        let error = opened(&users.replacen(from, to, 1))
            .unwrap_err()
            .to_string();
        let path = folder.path().join("users.toml");
        assert!(
            error.starts_with(&format!("--users: {} ", path.display())),
            "{error}"
        );
        assert!(error.contains(says), "{to}: {error}");
    }
    let jwt = tokens.split("[callback]").next().unwrap();
    let both = opened(&format!("{jwt}\n{proxy}")).unwrap_err().to_string();
    assert!(
        both.contains("must have one of the tables jwt and proxy"),
        "{both}"
    );
}

#[test]
fn case_554_the_program_starts_with_each_documented_configuration() {
    let key = Signer::ed(1);
    let token = key.token(
        "a",
        &json!({"iss": "https://login.example.org", "aud": "otp", "exp": 1}),
    );
    // A token that has expired is known by its key: by a file it is, and no URL can be reached here.
    let expected = [
        json!({"result": AWAY}),
        json!({"error": "The token has expired"}),
        json!({"error": "The proxy does not name a user and a tenant"}),
    ];
    for (users, expected) in documented().iter().zip(expected) {
        let folder = Folder::new();
        let path = write(&folder, users);
        let set = jwks(&[key.jwk("a")]).to_string();
        fs::write(folder.path().join("jwks.json"), set).unwrap();
        // The keys, as `otp keys new` would make them.
        drop(Running::demo(&folder, &[]));
        let mut command = program(&["--listen", "127.0.0.1:0", "--drain-delay", "0"]);
        command.arg("--data").arg(folder.path().join("data"));
        command.arg("--outbox").arg(folder.path().join("outbox"));
        command.env("OTP_REFERENCE_USERS", &path);
        // Where a proxy of the machine would answer for everybody.
        command
            .env("NO_PROXY", "*")
            .env_remove("HTTPS_PROXY")
            .env_remove("https_proxy");
        let running = Running::start(command, &folder.path().join("log"));
        let address = running.client.base.strip_prefix("http://").unwrap();
        let bearer = format!("Bearer {token}");
        let client = Client::with(address.parse().unwrap(), &[("authorization", &bearer)]);
        let (http, answer) = client.post(SEND, &json!({"params": place()}).to_string());
        let log = text(&folder.path().join("log"));
        assert_eq!(http, 200, "{log}");
        let told = json!({
            "result": answer["result"]["message"], "error": answer["error"]["data"]["message"],
        });
        for (member, words) in expected.as_object().unwrap() {
            assert_eq!(&told[member], words, "{answer}: {log}");
        }
        running.signal("HUP");
        wait_until("it reads its files anew", || {
            text(&folder.path().join("log")).contains("keys and passwords were read anew")
        });
        assert_eq!(running.stop("TERM"), Some(0));
    }
    let output = program(&["--demo", "--users", "users.toml"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "one of both");
}

#[test]
fn case_555_the_document_has_a_security_scheme_and_no_header_of_the_demonstration() {
    let of = |login: &Login| otp_engine_reference::openapi(login);
    let document = of(&Login::Bearer);
    let text = document.to_string().to_ascii_lowercase();
    assert!(!text.contains("demo"), "{text}");
    let scheme = &document["components"]["securitySchemes"]["login"];
    assert_eq!(
        (&scheme["type"], &scheme["scheme"]),
        (&json!("http"), &json!("bearer"))
    );
    let header = "remote-user".to_owned();
    let proxy = of(&Login::Proxy { header });
    let scheme = &proxy["components"]["securitySchemes"]["login"];
    assert_eq!(
        (&scheme["in"], &scheme["name"]),
        (&json!("header"), &json!("remote-user"))
    );
    for document in [&document, &proxy, &of(&Login::Demo)] {
        for (path, told) in document["paths"].as_object().unwrap() {
            let security = told.get("post").map(|post| post["security"].clone());
            let is_route = path.starts_with("/api/");
            assert_eq!(security, is_route.then(|| json!([{"login": []}])), "{path}");
        }
    }
    let world = World::tokens(&[]);
    let served: Value = serde_json::from_str(&world.client().get("/openapi.json").1).unwrap();
    assert!(served == document);
}
