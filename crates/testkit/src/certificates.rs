//! Certificates for one test, by the machine's `openssl`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Folder, wait_until};

/// An authority that nobody else trusts.
#[derive(Debug)]
pub struct Authority {
    folder: Folder,
    /// How keys are made, of its own and of its certificates.
    key: Vec<&'static str>,
    digest: &'static str,
}

/// A certificate with its key.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "for tests alone")]
pub struct Certificate {
    /// The file of the certificate, in PEM.
    pub path: PathBuf,
    /// The file of its key.
    pub key: PathBuf,
    /// The file of its authority's own certificate.
    pub root: PathBuf,
}

impl Authority {
    /// Makes an authority whose keys are on the curve P-256.
    #[must_use]
    pub fn new() -> Self {
        Self::with("P-256", "-sha256")
    }

    /// Makes one whose keys are of another kind, and its signatures of another hash function; both
    /// as `openssl` names them.
    #[must_use]
    pub fn with(key: &'static str, digest: &'static str) -> Self {
        let curve = [
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ];
        let made = Self {
            folder: Folder::new(),
            key: match key {
                "P-256" => curve.into(),
                key => vec!["-newkey", key, "-nodes"],
            },
            digest,
        };
        let own = [
            "req", "-x509", "-keyout", "root.key", "-out", "root", "-days", "2",
        ];
        made.openssl(&[
            &own,
            &made.key,
            &["-subj", "/CN=Authority of a test", digest],
        ]);
        made
    }

    /// Returns the file of its own certificate.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// Makes a certificate for this name of a host or of a database's user.
    #[must_use]
    pub fn certificate(&self, name: &str) -> Certificate {
        self.signed(name, "2")
    }

    /// Makes a certificate and waits until it has expired.
    #[must_use]
    pub fn expired(&self, name: &str) -> Certificate {
        let made = self.signed(name, "0");
        wait_until("the certificate has expired", || {
            let check = ["x509", "-checkend", "-1", "-noout", "-in"];
            let checked = Command::new("openssl").args(check).arg(&made.path).output();
            !checked.unwrap().status.success()
        });
        made
    }

    fn signed(&self, name: &str, days: &str) -> Certificate {
        let file = |end: &str| format!("{name}.{end}");
        let (request, extension) = (file("csr"), file("ext"));
        let text = format!("subjectAltName=DNS:{name}\n");
        fs::write(self.path(&extension), text).unwrap();
        let subject = format!("/CN={name}");
        let own = [
            "req",
            "-keyout",
            &file("key"),
            "-out",
            &request,
            "-subj",
            &subject,
        ];
        self.openssl(&[&own, &self.key]);
        let by = [
            "x509",
            "-req",
            "-CA",
            "root",
            "-CAkey",
            "root.key",
            "-CAcreateserial",
        ];
        let what = [
            "-in",
            &request,
            "-out",
            &file("pem"),
            "-extfile",
            &extension,
        ];
        self.openssl(&[&by, &what, &["-days", days, self.digest]]);
        Certificate {
            path: self.path(&file("pem")),
            key: self.path(&file("key")),
            root: self.root(),
        }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn openssl(&self, args: &[&[&str]]) {
        openssl(self.folder.path(), &args.concat());
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

fn openssl(folder: &Path, args: &[&str]) {
    let made = Command::new("openssl")
        .args(args)
        .current_dir(folder)
        .output();
    let made = made.expect("openssl is installed (apt-get install openssl)");
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "openssl {args:?}: {said}");
}
