//! TLS by rustls, to a server that has proven its name.

use core::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};
use std::{fs, io, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    client::WantsClientCert,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use sha2::{Digest, Sha256, Sha384, Sha512};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::{
    Config, Socket,
    tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream},
};
use tokio_rustls::{TlsConnector, client};

use crate::{
    error::{OpenError, Reason},
    parameters::{self, Files},
};

/// TLS as a connection string asks for it (feature `tls`): what
/// [`open`](crate::PostgresStore::open) takes, for those who set more than a string says.
///
/// ```no_run
/// use otp_engine_postgres::{PostgresOptions, Tls};
///
/// let place = "host=db.example user=otp_app dbname=bank";
/// let trust = "sslmode=verify-full sslrootcert=/etc/bank/ca.pem";
/// let (mut config, tls) = Tls::parse(&format!("{place} {trust}"))?;
/// config.password(std::fs::read("/run/secrets/otp_app")?);
/// let store = PostgresOptions::new().open_with(config, tls)?;
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Tls(Option<Arc<ClientConfig>>);

impl Tls {
    /// Reads a connection string and the files that it names, as the [crate] says.
    ///
    /// # Errors
    ///
    /// The [`OpenError`] names the parameter and the file.
    pub fn parse(parameters: &str) -> Result<(Config, Self), OpenError> {
        let (config, files) = parameters::parse(parameters, true)?;
        let tls = files.as_ref().map(client_config).transpose()?;
        Ok((config, Self(tls.map(Arc::new))))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl MakeTlsConnect<Socket> for Tls {
    type Stream = Encrypted;
    type TlsConnect = Handshake;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<Handshake> {
        Ok(Handshake {
            config: self.0.clone(),
            host: host.to_owned(),
        })
    }
}

/// What is to be done once a server agrees to TLS.
#[expect(unnameable_types, reason = "a part of `Tls`")]
#[derive(Debug)]
pub struct Handshake {
    config: Option<Arc<ClientConfig>>,
    host: String,
}

impl TlsConnect<Socket> for Handshake {
    type Stream = Encrypted;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let config = self.config.ok_or(io::ErrorKind::Unsupported)?;
            let host = ServerName::try_from(self.host).map_err(io::Error::other)?;
            let stream = TlsConnector::from(config).connect(host, socket);
            Ok(Encrypted(Box::new(stream.await?)))
        })
    }
}

/// A connection by TLS.
#[expect(unnameable_types, reason = "a part of `Tls`")]
#[derive(Debug)]
pub struct Encrypted(Box<client::TlsStream<Socket>>);

impl TlsStream for Encrypted {
    fn channel_binding(&self) -> ChannelBinding {
        let (_, connection) = self.0.get_ref();
        let server = connection.peer_certificates().and_then(<[_]>::first);
        let digest = server.and_then(|certificate| end_point(certificate));
        digest.map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Reads the files, and trusts their roots alone.
fn client_config(files: &Files) -> Result<ClientConfig, OpenError> {
    let roots = match files.roots.as_deref() {
        None | Some("system") => system_roots()?,
        Some(path) => roots("sslrootcert", path)?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(Reason::Tls)?
        .with_root_certificates(roots);
    let mut config = match (&files.certificate, &files.key) {
        (None, None) => config.with_no_client_auth(),
        (Some(certificate), Some(key)) => with_client(config, certificate, key)?,
        _ => return Err(Reason::ClientPair.into()),
    };
    // PostgreSQL 17 takes no TLS without a request before it (`sslnegotiation=direct`) unless it is named so.
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(config)
}

fn system_roots() -> Result<RootCertStore, OpenError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(Reason::NoSystemRoots.into());
    }
    Ok(roots)
}

fn roots(member: &'static str, path: &str) -> Result<RootCertStore, OpenError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(member, path)? {
        let added = roots.add(certificate);
        added.map_err(|_| file(member, path, "has a certificate that cannot be a root"))?;
    }
    Ok(roots)
}

/// Lets the server see who connects.
fn with_client(
    config: rustls::ConfigBuilder<ClientConfig, WantsClientCert>,
    certificate: &str,
    key: &str,
) -> Result<ClientConfig, OpenError> {
    let chain = certificates("sslcert", certificate)?;
    let member = "sslkey";
    is_private(key)?;
    // What cannot be read is not told: it may be a part of the key.
    let key = PrivateKeyDer::from_pem_slice(&read(member, key)?)
        .map_err(|_| file(member, key, "must hold a private key in PEM, not encrypted"))?;
    Ok(config
        .with_client_auth_cert(chain, key)
        .map_err(Reason::Tls)?)
}

fn certificates(
    member: &'static str,
    path: &str,
) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    let text = read(member, path)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let read = read.ok().filter(|read| !read.is_empty());
    read.ok_or_else(|| file(member, path, "must hold certificates in PEM"))
}

fn read(member: &'static str, path: &str) -> Result<Vec<u8>, OpenError> {
    fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => file(member, path, "is not there"),
        kind => file(member, path, &format!("cannot be read: {kind}")),
    })
}

#[cfg(unix)]
fn is_private(key: &str) -> Result<(), OpenError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(key).map_or(0, |known| known.permissions().mode() & 0o777);
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let why = format!("has mode {mode:04o}; it must be at most 0600, it holds a secret");
    Err(file("sslkey", key, &why))
}

#[cfg(not(unix))]
fn is_private(_: &str) -> Result<(), OpenError> {
    Ok(())
}

fn file(member: &'static str, path: &str, why: &str) -> OpenError {
    let path = Path::new(path).display();
    Reason::File(format!("{member}: {path} {why}")).into()
}

/// Returns the digest that `tls-server-end-point` is (RFC 5929): by the hash function of the
/// certificate's own signature; `None` where that has none, or is not known here.
fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    // SEQUENCE { what is signed, SEQUENCE { algorithm, .. }, signature }
    let (signed, _) = element(certificate)?;
    let (_, after) = element(signed)?;
    let (algorithm, _) = element(after)?;
    let (name, _) = element(algorithm)?;
    Some(match name {
        SHA256_RSA | SHA256_ECDSA => Sha256::digest(certificate).to_vec(),
        SHA384_RSA | SHA384_ECDSA => Sha384::digest(certificate).to_vec(),
        SHA512_RSA => Sha512::digest(certificate).to_vec(),
        _ => return None,
    })
}

/// Splits what a DER element holds from what follows it.
fn element(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.get(1..)?.split_first()?;
    let (length, rest) = match usize::from(*first) {
        short @ ..0x80 => (short, rest),
        long => {
            let (length, rest) = rest.split_at_checked(long - 0x80)?;
            let whole =
                |length: usize, byte: &u8| length.checked_mul(256)?.checked_add((*byte).into());
            (length.iter().try_fold(0, whole)?, rest)
        }
    };
    rest.split_at_checked(length)
}

const SHA256_RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b";
const SHA384_RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c";
const SHA512_RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d";
const SHA256_ECDSA: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x03\x02";
const SHA384_ECDSA: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x03\x03";
