//! What the core may depend on. Each rule is a function of what `cargo metadata` tells; the lists are
//! those of `deny.toml`.
//!
//! cargo-deny checks licences, names and sources by the same file, but takes many minutes to build where it is
//! not installed; it knows nothing of the design's list of dependencies, of compilers, or of crate types.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use spdx::{Expression, Licensee, ParseMode};
use xshell::cmd;

use crate::job::Job;

/// The crate that everybody embeds.
pub(crate) const CORE: &str = "otp-engine";

/// The crates that the core is made of, with itself, and `otp-log`, which nothing of it takes yet.
pub(crate) const CRATES: [&str; 7] = [
    CORE,
    "otp-base",
    "otp-image",
    "otp-log",
    "otp-oath",
    "otp-recipient",
    "otp-record",
];

/// The direct dependencies of the core and its crates, all of them: `ARCHITECTURE.md` says what each is for.
const DIRECT: &str = "arrayvec base64ct ed25519-dalek getrandom hashbrown hmac miniz_oxide ml-dsa rand_core \
                      sha1 sha2 time zeroize";

/// The member that only benches are built from: it alone may draw in what `deny.toml` excepts, crates that
/// are measured beside ours, and shipped to nobody.
const PEERS: &str = "otp-engine-peers";

/// The only registry.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What `cargo metadata` tells.
struct Graph(Value);

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

impl Graph {
    fn packages(&self) -> impl Iterator<Item = &Value> {
        list(&self.0["packages"])
    }

    fn is_member(&self, package: &Value) -> bool {
        list(&self.0["workspace_members"]).any(|id| *id == package["id"])
    }

    fn core(&self) -> Result<&Value> {
        let mut members = self.packages().filter(|one| self.is_member(one));
        let core = members.find(|one| one["name"] == CORE);
        core.context("the workspace has no core")
    }

    /// Returns `root` and everything that is compiled for one who depends on it, on any target.
    fn tree(&self, root: &Value) -> Result<Vec<&Value>> {
        let nodes = list(&self.0["resolve"]["nodes"]);
        let nodes: BTreeMap<_, _> = nodes.map(|node| (text(&node["id"]), node)).collect();
        let mut open = vec![text(&root["id"])];
        let mut seen = BTreeSet::from([text(&root["id"])]);
        while let Some(id) = open.pop() {
            let node = nodes.get(id).with_context(|| format!("{id} has no node"))?;
            for dependency in list(&node["deps"]) {
                let id = text(&dependency["pkg"]);
                let is_shipped = list(&dependency["dep_kinds"]).any(|kind| kind["kind"] != "dev");
                if is_shipped && seen.insert(id) {
                    open.push(id);
                }
            }
        }
        let is_seen = |one: &&Value| seen.contains(text(&one["id"]));
        Ok(self.packages().filter(is_seen).collect())
    }
}

/// Reads `deny.toml`, whose lists are not empty: no rule would fire.
fn lists(deny: &str) -> Result<Value> {
    let lists: Value = toml::from_str(deny)?;
    for name in ["/licenses/allow", "/licenses/exceptions", "/bans/deny"] {
        let list = lists.pointer(name).and_then(Value::as_array);
        ensure!(list.is_some_and(|list| !list.is_empty()), "it lacks {name}");
    }
    Ok(lists)
}

/// A rule: what holds, and what is against it.
type Rule = (&'static str, fn(&Graph, &Value) -> Result<Vec<String>>);

const RULES: &[Rule] = &[
    (
        "the core's direct dependencies are exactly those of the design",
        direct,
    ),
    ("the core's tree holds no networking crate", networking),
    ("every licence is on the list", licences),
    (
        "nothing in the core's tree needs a newer compiler than the core states",
        compilers,
    ),
    (
        "every package comes from crates.io or this workspace",
        sources,
    ),
    ("the core is a plain library, never a cdylib", crate_types),
];

/// Checks the workspace as it is.
pub(crate) fn checks(job: &mut Job<'_>) {
    let mut known = None;
    job.check("cargo metadata and deny.toml can be read", |job| {
        let metadata = ["--format-version", "1", "--all-features", "--locked"];
        let told = job.ask(cmd!(job.sh(), "cargo metadata {metadata...}"))?;
        let graph = Graph(serde_json::from_str(&told)?);
        let tree = graph.tree(graph.core()?)?.len() - 1;
        let all = graph.packages().count();
        job.say(format_args!(
            "{CORE} draws in {tree} packages; judged in all: {all}"
        ));
        known = Some((graph, lists(&job.world.read("deny.toml")?)?));
        Ok(())
    });
    if let Some((graph, lists)) = known {
        for (claim, rule) in RULES {
            job.check(claim, |_| none(&rule(&graph, &lists)?));
        }
    }
}

fn none(faults: &[String]) -> Result<()> {
    ensure!(faults.is_empty(), "{}", faults.join("; "));
    Ok(())
}

/// Names each of `packages`, and what is wrong with it.
fn told<'a>(packages: impl Iterator<Item = &'a Value>, what: &str) -> Vec<String> {
    packages
        .map(|one| format!("{}: {what} {}", text(&one["name"]), one[what]))
        .collect()
}

fn direct(graph: &Graph, _: &Value) -> Result<Vec<String>> {
    graph.core()?;
    let is_ours = |name: &str| CRATES.contains(&name);
    let crates = graph.packages().filter(|one| is_ours(text(&one["name"])));
    let declared = crates.flat_map(|one| list(&one["dependencies"]));
    let of_users = declared.filter(|one| one["kind"].is_null());
    let declared: BTreeSet<_> = of_users.map(|one| text(&one["name"])).collect();
    let foreign: BTreeSet<_> = declared.into_iter().filter(|name| !is_ours(name)).collect();
    let design = DIRECT.split(' ').collect();
    let differing = foreign.symmetric_difference(&design);
    Ok(differing
        .map(|name| format!("{name} is in one of both alone"))
        .collect())
}

fn networking(graph: &Graph, lists: &Value) -> Result<Vec<String>> {
    let tree = graph.tree(graph.core()?)?.into_iter();
    let is_banned = |one: &&Value| list(&lists["bans"]["deny"]).any(|name| *name == one["name"]);
    Ok(told(tree.filter(is_banned), "version"))
}

fn licences(graph: &Graph, lists: &Value) -> Result<Vec<String>> {
    let mut used = BTreeSet::new();
    for member in graph
        .packages()
        .filter(|one| graph.is_member(one) && one["name"] != PEERS)
    {
        used.extend(graph.tree(member)?.iter().map(|one| text(&one["id"])));
    }
    let is_allowed = |package: &Value| -> Option<bool> {
        let stated = Expression::parse_mode(package["license"].as_str()?, ParseMode::LAX).ok()?;
        let is_its = |one: &&Value| one["crate"] == package["name"];
        let excepted = list(&lists["licenses"]["exceptions"]).filter(is_its);
        let excepted = excepted.filter(|_| !used.contains(text(&package["id"])));
        let listed: Vec<_> = list(&lists["licenses"]["allow"])
            .chain(excepted.flat_map(|one| list(&one["allow"])))
            .filter_map(|licence| Licensee::parse(text(licence)).ok())
            .collect();
        Some(stated.evaluate(|asked| listed.iter().any(|licence| licence.satisfies(asked))))
    };
    let wrong = graph.packages().filter(|one| is_allowed(one) != Some(true));
    Ok(told(wrong, "license"))
}

fn compilers(graph: &Graph, _: &Value) -> Result<Vec<String>> {
    let core = graph.core()?;
    let ours = core["rust_version"].as_str().and_then(release);
    let ours = ours.context("the core states no rust-version")?;
    let is_newer = |package: &&Value| {
        let stated = package["rust_version"].as_str();
        stated.is_some_and(|stated| release(stated).is_none_or(|theirs| theirs > ours))
    };
    let newer = graph.tree(core)?.into_iter().filter(is_newer);
    Ok(told(newer, "rust_version"))
}

fn sources(graph: &Graph, _: &Value) -> Result<Vec<String>> {
    let is_wrong = |package: &&Value| match package["source"].as_str() {
        None => !graph.is_member(package),
        Some(source) => source != REGISTRY,
    };
    Ok(told(graph.packages().filter(is_wrong), "source"))
}

fn crate_types(graph: &Graph, _: &Value) -> Result<Vec<String>> {
    let targets = list(&graph.core()?["targets"]);
    let types: Vec<_> = targets
        .flat_map(|target| list(&target["crate_types"]))
        .map(text)
        .collect();
    ensure!(types.contains(&"lib"), "it has no lib target");
    let others = types.iter().filter(|kind| !["lib", "bin"].contains(kind));
    Ok(others.map(ToString::to_string).collect())
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

#[cfg(test)]
mod tests;
