//! Each rule passes a sound graph and catches the fault that is planted for it.

use serde_json::json;

use super::*;

/// A sound workspace, as cargo tells it: the core, its allowed dependencies, something behind one of them,
/// and a member that is not the core. In `ships` are the names of what a package draws in.
struct Workspace(BTreeMap<String, Value>);

fn package(name: &str) -> Value {
    json!({
        "id": name, "name": name, "license": "MIT OR Apache-2.0", "rust_version": "1.85.0",
        "source": REGISTRY, "dependencies": [], "targets": [{"crate_types": ["lib"]}], "ships": [],
    })
}

fn member(name: &str) -> Value {
    let mut member = package(name);
    member["source"] = Value::Null;
    member
}

fn sound() -> Workspace {
    let mut workspace = Workspace(BTreeMap::new());
    let mut core = member(CORE);
    core["rust_version"] = json!("1.88");
    workspace.0.insert(CORE.into(), core);
    for name in DIRECT.split(' ') {
        workspace.plant(CORE, package(name));
        workspace.declare(name, None);
    }
    workspace.declare("proptest", Some("dev"));
    workspace.plant("sha2", package("digest"));
    workspace.0.insert("tasks".into(), member("tasks"));
    workspace
}

impl Workspace {
    /// Puts `package` in, as something that `parent` ships.
    fn plant(&mut self, parent: &str, package: Value) {
        let name = package["name"].as_str().unwrap().to_owned();
        self.0.insert(name.clone(), package);
        self.0.get_mut(parent).unwrap()["ships"]
            .as_array_mut()
            .unwrap()
            .push(name.into());
    }

    fn declare(&mut self, name: &str, kind: Option<&str>) {
        let declared = json!({"name": name, "kind": kind});
        self.0.get_mut(CORE).unwrap()["dependencies"]
            .as_array_mut()
            .unwrap()
            .push(declared);
    }

    fn set(&mut self, name: &str, field: &str, value: Value) {
        self.0.get_mut(name).unwrap()[field] = value;
    }

    fn read(&self) -> Graph {
        let packages: Vec<_> = self.0.values().collect();
        let members = packages
            .iter()
            .filter(|one| one["source"].is_null() && one["foreign"].is_null());
        let members: Vec<_> = members.map(|one| &one["id"]).collect();
        let kinds = json!([{"kind": "dev"}, {"kind": null}]);
        let node = |one: &&Value| {
            let ships = one["ships"].as_array().unwrap().iter();
            let mut deps: Vec<_> = ships
                .map(|name| json!({"pkg": name, "dep_kinds": kinds}))
                .collect();
            deps.push(json!({"pkg": "tokio", "dep_kinds": [{"kind": "dev"}]}));
            json!({"id": one["id"], "deps": deps})
        };
        let nodes: Vec<_> = packages.iter().map(node).collect();
        Graph(json!({
            "packages": packages, "workspace_members": members, "resolve": {"nodes": nodes},
        }))
    }
}

fn deny() -> Value {
    lists(include_str!("../../../deny.toml")).unwrap()
}

/// What the rule says whose claim begins with `claim`, of a workspace with a fault; the others say nothing.
fn found(claim: &str, fault: impl FnOnce(&mut Workspace)) -> String {
    let mut workspace = sound();
    fault(&mut workspace);
    let (graph, lists) = (workspace.read(), deny());
    let mut found = String::new();
    for (its, rule) in RULES {
        match rule(&graph, &lists).and_then(|faults| none(&faults)) {
            Err(error) if its.starts_with(claim) => found = error.to_string(),
            Err(error) => panic!("{its}: {error}"),
            Ok(()) => {}
        }
    }
    found
}

#[track_caller]
fn caught(claim: &str, name: &str, fault: impl FnOnce(&mut Workspace)) {
    let found = found(claim, fault);
    assert!(found.contains(name), "{found:?} does not name {name}");
}

#[test]
fn a_sound_graph_passes_every_rule() {
    assert_eq!(found("", |_| {}), "");
    let graph = sound().read();
    let tree = graph.tree(graph.core().unwrap()).unwrap();
    assert_eq!(tree.len(), DIRECT.split(' ').count() + 2);
}

#[test]
fn a_dependency_that_is_not_in_the_design_is_caught() {
    caught("the core's direct", "rand", |workspace| {
        workspace.plant(CORE, package("rand"));
        workspace.declare("rand", None);
    });
}

#[test]
fn a_dependency_that_the_design_names_and_the_core_lacks_is_caught() {
    caught("the core's direct", "zeroize", |workspace| {
        let core = &mut workspace.0.get_mut(CORE).unwrap()["dependencies"];
        core.as_array_mut()
            .unwrap()
            .retain(|one| one["name"] != "zeroize");
    });
}

#[test]
fn a_networking_crate_is_caught_at_any_depth_but_not_beside_the_core() {
    caught("the core's tree", "socket2", |workspace| {
        workspace.plant("digest", package("harmless"));
        workspace.plant("harmless", package("socket2"));
    });
    assert_eq!(
        found("", |workspace| workspace.plant("tasks", package("tokio"))),
        ""
    );
}

#[test]
fn a_licence_off_the_list_is_caught_anywhere() {
    for licence in [
        "GPL-3.0-only",
        "MIT AND AGPL-3.0-only",
        "(MIT OR Apache-2.0) AND OpenSSL",
        "Apache-2.0 WITH Classpath-exception-2.0",
        "see the file",
        "MIT OR",
        "OR MIT",
        "(MIT",
        "MIT)",
        "MIT MIT",
        "MIT WITH",
        "()",
        "",
    ] {
        caught("every licence", "digest", |workspace| {
            workspace.set("digest", "license", json!(licence));
        });
    }
    caught("every licence", "tasks", |workspace| {
        workspace.set("tasks", "license", Value::Null);
    });
}

#[test]
fn one_allowed_alternative_is_enough() {
    for licence in [
        "MIT",
        "GPL-3.0-only OR MIT",
        "MIT/GPL-2.0",
        "(MIT OR GPL-3.0-only) AND Unicode-3.0",
        "LGPL-2.1-or-later OR Apache-2.0 OR MIT",
        "GPL-3.0-only AND BSL-1.0 OR MIT",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        let set = |workspace: &mut Workspace| workspace.set("digest", "license", json!(licence));
        assert_eq!(found("", set), "", "{licence}");
    }
}

#[test]
fn what_is_only_measured_may_have_its_own_licence_and_nothing_else_may_use_it() {
    let measured = |workspace: &mut Workspace, licence: &str| {
        workspace.0.insert(PEERS.into(), member(PEERS));
        workspace.plant(PEERS, package("libreauth"));
        workspace.set("libreauth", "license", json!(licence));
    };
    assert_eq!(found("", |workspace| measured(workspace, "CECILL-C")), "");
    caught("every licence", "libreauth", |workspace| {
        measured(workspace, "GPL-3.0-only");
    });
    caught("every licence", "libreauth", |workspace| {
        measured(workspace, "CECILL-C");
        workspace.set("tasks", "ships", json!(["libreauth"]));
    });
}

#[test]
fn a_newer_compiler_is_caught_from_the_first_release_on() {
    for newer in ["1.88.1", "1.89", "2.0.0", "nightly"] {
        caught(
            "nothing in the core's tree needs a newer",
            "digest",
            |workspace| {
                workspace.set("digest", "rust_version", json!(newer));
            },
        );
    }
    for fine in [Some("1.88.0"), Some("1.88"), Some("1.9.0"), None] {
        let set = |workspace: &mut Workspace| workspace.set("digest", "rust_version", json!(fine));
        assert_eq!(found("", set), "", "{fine:?}");
    }
    caught(
        "nothing in the core's tree needs a newer",
        "states no",
        |workspace| {
            workspace.set(CORE, "rust_version", Value::Null);
        },
    );
}

#[test]
fn a_git_or_path_dependency_or_another_registry_is_caught() {
    for source in [
        Some("git+https://example.org/digest?branch=main#0123456"),
        Some("registry+https://example.org/index"),
        None,
    ] {
        caught("every package comes from", "digest", |workspace| {
            workspace.set("digest", "source", json!(source));
            workspace.set("digest", "foreign", json!(true));
        });
    }
}

#[test]
fn a_core_that_is_more_or_less_than_a_library_is_caught() {
    for kind in ["cdylib", "staticlib", "dylib", "proc-macro"] {
        caught("the core is a plain library", kind, |workspace| {
            workspace.set(CORE, "targets", json!([{"crate_types": ["lib", kind]}]));
        });
    }
    caught("the core is a plain library", "no lib", |workspace| {
        workspace.set(CORE, "targets", json!([{"crate_types": ["bin"]}]));
    });
}

#[test]
fn without_the_core_nothing_passes_by_accident() {
    let mut workspace = sound();
    workspace.0.remove(CORE);
    let (graph, lists) = (workspace.read(), deny());
    for rule in [direct, networking, compilers, crate_types] {
        assert!(rule(&graph, &lists).is_err());
    }
}

#[test]
fn incomplete_metadata_is_an_error_and_not_an_empty_graph() {
    for lost in ["packages", "workspace_members", "resolve"] {
        let mut graph = sound().read();
        graph.0.as_object_mut().unwrap().remove(lost);
        assert!(networking(&graph, &deny()).is_err(), "{lost}");
    }
}

#[test]
fn lists_that_are_empty_are_refused() {
    assert!(list(&deny()["bans"]["deny"]).any(|name| name == "socket2"));
    assert!(list(&deny()["licenses"]["allow"]).any(|name| name == "MIT"));
    let sound = include_str!("../../../deny.toml");
    for name in ["allow", "exceptions", "deny"] {
        let changed = sound.replace(&format!("\n{name} = ["), "\nother = [");
        assert!(lists(&changed).is_err(), "{name}");
    }
}
