//! The packages that a build draws in, as `cargo metadata` tells.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The packages of the workspace and all that they depend on, for every target and feature.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    /// By package id.
    pub(crate) packages: BTreeMap<String, Package>,
}

/// One package.
#[derive(Clone, Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) licence: Option<String>,
    pub(crate) rust_version: Option<String>,
    /// `None` for a package on this disk.
    pub(crate) source: Option<String>,
    pub(crate) member: Member,
    /// The names in its `[dependencies]`, for any target, optional ones too.
    pub(crate) declared: BTreeSet<String>,
    pub(crate) crate_types: BTreeSet<String>,
    /// The ids of what is compiled for one who depends on it: normal and build dependencies.
    pub(crate) shipped: BTreeSet<String>,
}

/// Whether a package belongs to this workspace.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Member {
    Yes,
    #[default]
    No,
}

impl Graph {
    /// Reads what `cargo metadata --format-version 1` printed.
    ///
    /// # Errors
    ///
    /// What the text lacks.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let metadata: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let members = list(&metadata["workspace_members"])?;
        let mut packages = BTreeMap::new();
        for package in list(&metadata["packages"])? {
            let member = if members.contains(&package["id"]) {
                Member::Yes
            } else {
                Member::No
            };
            packages.insert(word(&package["id"])?, Package::read(package, member)?);
        }
        for node in list(&metadata["resolve"]["nodes"])? {
            let package = packages
                .get_mut(&word(&node["id"])?)
                .ok_or("a node without its package")?;
            for dependency in list(&node["deps"])? {
                let kinds = list(&dependency["dep_kinds"])?;
                if kinds.iter().any(|kind| kind["kind"] != "dev") {
                    package.shipped.insert(word(&dependency["pkg"])?);
                }
            }
        }
        Ok(Self { packages })
    }

    /// Returns the workspace's package called `name`.
    ///
    /// # Errors
    ///
    /// Where there is none.
    pub(crate) fn member(&self, name: &str) -> Result<(&str, &Package), String> {
        self.packages
            .iter()
            .find(|(_, package)| package.member == Member::Yes && package.name == name)
            .map(|(id, package)| (id.as_str(), package))
            .ok_or_else(|| format!("the workspace has no package {name}"))
    }

    /// Returns `id` and everything that is compiled for one who depends on it.
    pub(crate) fn tree(&self, id: &str) -> Vec<&Package> {
        let mut seen = BTreeSet::from([id]);
        let mut open = vec![id];
        let mut tree = Vec::new();
        while let Some(package) = open.pop().and_then(|id| self.packages.get(id)) {
            tree.push(package);
            for id in &package.shipped {
                if seen.insert(id) {
                    open.push(id);
                }
            }
        }
        tree
    }
}

impl Package {
    fn read(package: &Value, member: Member) -> Result<Self, String> {
        let mut declared = BTreeSet::new();
        for dependency in list(&package["dependencies"])? {
            if dependency["kind"].is_null() {
                declared.insert(word(&dependency["name"])?);
            }
        }
        let mut crate_types = BTreeSet::new();
        for target in list(&package["targets"])? {
            for crate_type in list(&target["crate_types"])? {
                crate_types.insert(word(crate_type)?);
            }
        }
        let optional = |field: &str| package[field].as_str().map(str::to_owned);
        Ok(Self {
            name: word(&package["name"])?,
            version: word(&package["version"])?,
            licence: optional("license"),
            rust_version: optional("rust_version"),
            source: optional("source"),
            member,
            declared,
            crate_types,
            shipped: BTreeSet::new(),
        })
    }
}

fn list(value: &Value) -> Result<&Vec<Value>, String> {
    value.as_array().ok_or_else(|| "a list is missing".into())
}

fn word(value: &Value) -> Result<String, String> {
    let text = value.as_str().ok_or("a text is missing")?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{
        "workspace_members": ["core 1"],
        "packages": [
            {"id": "core 1", "name": "core", "version": "1.0.0", "license": "MIT",
             "rust_version": "1.88", "source": null,
             "dependencies": [{"name": "hash", "kind": null}, {"name": "bench", "kind": "dev"}],
             "targets": [{"crate_types": ["lib"]}, {"crate_types": ["bin"]}]},
            {"id": "hash 2", "name": "hash", "version": "2.0.0", "license": null,
             "rust_version": null, "source": "registry+x",
             "dependencies": [], "targets": [{"crate_types": ["lib"]}]},
            {"id": "bench 3", "name": "bench", "version": "3.0.0", "license": "MIT",
             "rust_version": null, "source": "registry+x",
             "dependencies": [], "targets": [{"crate_types": ["lib"]}]}
        ],
        "resolve": {"nodes": [
            {"id": "core 1", "deps": [
                {"pkg": "hash 2", "dep_kinds": [{"kind": "dev"}, {"kind": null}]},
                {"pkg": "bench 3", "dep_kinds": [{"kind": "dev"}]}]},
            {"id": "hash 2", "deps": []},
            {"id": "bench 3", "deps": []}
        ]}
    }"#;

    #[test]
    fn metadata_becomes_packages_and_the_tree_of_what_ships() {
        let graph = Graph::read(METADATA).unwrap();
        let (id, core) = graph.member("core").unwrap();
        assert_eq!(core.declared, BTreeSet::from(["hash".into()]));
        assert_eq!(
            core.crate_types,
            BTreeSet::from(["bin".into(), "lib".into()])
        );
        assert_eq!(core.rust_version.as_deref(), Some("1.88"));
        let tree: Vec<_> = graph.tree(id).iter().map(|package| &package.name).collect();
        assert_eq!(tree, ["core", "hash"]);
    }

    #[test]
    fn a_package_outside_the_workspace_is_no_member() {
        let graph = Graph::read(METADATA).unwrap();
        assert!(graph.member("hash").is_err());
        assert!(graph.member("none").is_err());
    }

    #[test]
    fn incomplete_metadata_is_an_error_and_not_an_empty_graph() {
        for text in ["", "{}", r#"{"workspace_members": [], "packages": []}"#] {
            assert!(Graph::read(text).is_err(), "{text}");
        }
        let without_node = METADATA.replace(r#""id": "hash 2", "name""#, r#""id": "x", "name""#);
        assert!(Graph::read(&without_node).is_err());
    }
}
