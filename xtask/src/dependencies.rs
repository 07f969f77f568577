//! What the core may depend on. Each rule is a function of the graph.

use std::collections::BTreeSet;

use crate::graph::{Graph, Member, Package};
use crate::job::Job;
use crate::licence;
use crate::part::Check;

/// The crate that everybody embeds.
pub(crate) const CORE: &str = "otp-engine";

/// The crates that the core is made of, beside itself.
const CRATES: &[&str] = &["otp-base", "otp-record"];

/// The direct dependencies of the core and its crates, all of them: `ARCHITECTURE.md` says what each is for.
const DIRECT: &[&str] = &[
    "arrayvec",
    "base64ct",
    "ed25519-dalek",
    "getrandom",
    "hashbrown",
    "hmac",
    "rand_core",
    "sha1",
    "sha2",
    "time",
    "zeroize",
];

/// Licences that allow what ours allow; `deny.toml` has the same list. MPL-2.0 is that of cbindgen, which
/// writes the header and is linked into nothing that is shipped; CDLA-Permissive-2.0 is that of the list of
/// certificate authorities by which the reference service knows its gateway.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// The member that only benches are built from, and what it alone may draw in besides: crates that are
/// measured beside ours, and shipped to nobody. `deny.toml` has the same exception.
const PEERS: &str = "otp-engine-peers";
const ONLY_MEASURED: &[(&str, &str)] = &[("libreauth", "CECILL-C")];

/// Crates that open connections, or exist for those that do; `deny.toml` has the same list.
const NETWORKING: &[&str] = &[
    "actix-rt",
    "async-io",
    "async-net",
    "async-std",
    "attohttpc",
    "curl",
    "curl-sys",
    "h2",
    "h3",
    "hickory-proto",
    "hickory-resolver",
    "hyper",
    "hyper-util",
    "isahc",
    "lettre",
    "libssh2-sys",
    "minreq",
    "mio",
    "native-tls",
    "openssl",
    "openssl-sys",
    "quinn",
    "reqwest",
    "rustls",
    "s2n-quic",
    "s2n-tls",
    "smol",
    "smoltcp",
    "socket2",
    "surf",
    "tokio",
    "tonic",
    "tungstenite",
    "ureq",
    "websocket",
];

/// The only registry.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Checks the workspace as it is.
pub(crate) fn checks(job: &mut Job<'_>) -> Vec<Check> {
    let mut command = job.world.command("cargo");
    command.args([
        "metadata",
        "--format-version",
        "1",
        "--all-features",
        "--locked",
    ]);
    // Not through the log: the metadata is long, and a warning on stderr would spoil it.
    let mut read = || {
        let output = command.output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Graph::read(&String::from_utf8_lossy(&output.stdout))
    };
    match read() {
        Ok(graph) => {
            if let Ok((id, _)) = graph.member(CORE) {
                let (tree, all) = (graph.tree(id).len() - 1, graph.packages.len());
                job.say(format_args!(
                    "{CORE} draws in {tree} packages; judged in all: {all}"
                ));
            }
            judge(&graph)
        }
        Err(error) => vec![Check::new("cargo metadata can be read", Err(error))],
    }
}

/// Applies every rule to `graph`.
fn judge(graph: &Graph) -> Vec<Check> {
    vec![
        Check::new(
            "the core's direct dependencies are exactly those of the design",
            direct(graph, DIRECT),
        ),
        Check::new(
            "the core's tree holds no networking crate",
            no_networking(graph),
        ),
        Check::new("every licence is on the list", licences(graph)),
        Check::new(
            "nothing in the core's tree needs a newer compiler than the core states",
            rust_versions(graph),
        ),
        Check::new(
            "every package comes from crates.io or this workspace",
            sources(graph),
        ),
        Check::new(
            "the core is a plain library, never a cdylib",
            plain_library(graph),
        ),
    ]
}

fn direct(graph: &Graph, allowed: &[&str]) -> Result<(), String> {
    graph.member(CORE)?;
    let ours = |name: &str| name == CORE || CRATES.contains(&name);
    let members = graph
        .packages
        .values()
        .filter(|package| ours(&package.name));
    let declared = members.flat_map(|package| package.declared.iter().cloned());
    let declared: BTreeSet<_> = declared.filter(|name| !ours(name)).collect();
    let allowed: BTreeSet<_> = allowed.iter().map(|name| (*name).to_owned()).collect();
    let extra = declared
        .difference(&allowed)
        .map(|name| format!("{name} is not among them"));
    let absent = allowed
        .difference(&declared)
        .map(|name| format!("{name} is missing"));
    none(extra.chain(absent))
}

fn no_networking(graph: &Graph) -> Result<(), String> {
    let (id, _) = graph.member(CORE)?;
    let tree = graph.tree(id);
    none(
        tree.into_iter()
            .filter(|package| NETWORKING.contains(&package.name.as_str()))
            .map(shown),
    )
}

fn licences(graph: &Graph) -> Result<(), String> {
    let others = |package: &&Package| package.member == Member::Yes && package.name != PEERS;
    let ids = graph.packages.iter().filter(|(_, package)| others(package));
    let used: BTreeSet<_> = ids
        .flat_map(|(id, _)| graph.tree(id))
        .map(|package| &package.name)
        .collect();
    let is_only_measured = |package: &Package, expression: &str| {
        let mut excepted = ONLY_MEASURED.iter();
        let excepted = excepted.find(|(name, _)| *name == package.name);
        excepted.is_some_and(|(_, licence)| {
            !used.contains(&package.name) && licence::permits(&[licence], expression) == Ok(true)
        })
    };
    none(graph.packages.values().filter_map(|package| {
        let Some(expression) = &package.licence else {
            return Some(format!("{} states none", shown(package)));
        };
        match licence::permits(LICENCES, expression) {
            Ok(true) => None,
            Ok(false) if is_only_measured(package, expression) => None,
            Ok(false) => Some(format!("{} is under {expression}", shown(package))),
            Err(error) => Some(format!("{}: {error}", shown(package))),
        }
    }))
}

fn rust_versions(graph: &Graph) -> Result<(), String> {
    let (id, core) = graph.member(CORE)?;
    let ours = core.rust_version.as_deref().and_then(release);
    let ours = ours.ok_or("the core states no rust-version")?;
    none(graph.tree(id).into_iter().filter_map(|package| {
        let theirs = package.rust_version.as_deref()?;
        let newer = release(theirs).is_none_or(|theirs| theirs > ours);
        newer.then(|| format!("{} states {theirs}", shown(package)))
    }))
}

fn sources(graph: &Graph) -> Result<(), String> {
    none(
        graph
            .packages
            .values()
            .filter_map(|package| match package.source.as_deref() {
                Some(REGISTRY) => None,
                None if package.member == Member::Yes => None,
                None => Some(format!(
                    "{} is a path outside the workspace",
                    shown(package)
                )),
                Some(source) => Some(format!("{} comes from {source}", shown(package))),
            }),
    )
}

fn plain_library(graph: &Graph) -> Result<(), String> {
    let (_, core) = graph.member(CORE)?;
    if !core.crate_types.contains("lib") {
        return Err("it has no lib target".into());
    }
    let foreign = ["cdylib", "dylib", "staticlib", "proc-macro"];
    none(
        core.crate_types
            .iter()
            .filter(|kind| foreign.contains(&kind.as_str()))
            .cloned(),
    )
}

/// Reads `1.88` or `1.88.0`.
fn release(text: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = text.split('.').map(str::parse);
    let release = (
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
        numbers.next().unwrap_or(Ok(0)).ok()?,
    );
    numbers.next().is_none().then_some(release)
}

fn shown(package: &Package) -> String {
    format!("{} {}", package.name, package.version)
}

fn none(faults: impl Iterator<Item = String>) -> Result<(), String> {
    let faults: Vec<_> = faults.collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults.join("; "))
    }
}

#[cfg(test)]
mod tests;
