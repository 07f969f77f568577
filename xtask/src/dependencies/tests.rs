//! Each rule passes a sound graph and catches the fault that is planted for it.

use super::*;

/// A sound workspace: the core, its allowed dependencies, something behind one of them, and a
/// member that is not the core.
fn sound() -> Graph {
    let mut graph = Graph::default();
    let mut core = Package {
        rust_version: Some("1.88".into()),
        member: Member::Yes,
        source: None,
        ..package(CORE)
    };
    core.declared = DIRECT.iter().map(|name| (*name).to_owned()).collect();
    core.shipped = core.declared.clone();
    graph.packages.insert(CORE.into(), core);
    for name in DIRECT {
        graph.packages.insert((*name).into(), package(name));
    }
    plant(&mut graph, "sha2", package("digest"));
    let tasks = Package {
        member: Member::Yes,
        source: None,
        ..package("tasks")
    };
    graph.packages.insert("tasks".into(), tasks);
    graph
}

fn package(name: &str) -> Package {
    Package {
        name: name.into(),
        version: "1.0.0".into(),
        licence: Some("MIT OR Apache-2.0".into()),
        rust_version: Some("1.85.0".into()),
        source: Some(REGISTRY.into()),
        crate_types: BTreeSet::from(["lib".into()]),
        ..Package::default()
    }
}

/// Puts `package` into the graph, as something that `parent` ships.
fn plant(graph: &mut Graph, parent: &str, package: Package) {
    let name = package.name.clone();
    graph.packages.insert(name.clone(), package);
    graph.packages.get_mut(parent).unwrap().shipped.insert(name);
}

fn core(graph: &mut Graph) -> &mut Package {
    graph.packages.get_mut(CORE).unwrap()
}

/// Plants a fault; exactly the rule whose claim begins with `claim` must see it, and name `name`.
fn caught(claim: &str, name: &str, fault: impl FnOnce(&mut Graph)) {
    let mut graph = sound();
    fault(&mut graph);
    for check in judge(&graph) {
        match check.found {
            Err(found) if check.claim.starts_with(claim) => {
                assert!(found.contains(name), "{found:?} does not name {name}");
            }
            Err(found) => panic!("{}: {found}", check.claim),
            Ok(()) => assert!(!check.claim.starts_with(claim), "nothing was found"),
        }
    }
}

#[test]
fn a_sound_graph_passes_every_rule() {
    for check in judge(&sound()) {
        assert_eq!(check.found, Ok(()), "{}", check.claim);
    }
}

#[test]
fn a_dependency_that_is_not_in_the_design_is_caught() {
    caught("the core's direct", "rand", |graph| {
        plant(graph, CORE, package("rand"));
        core(graph).declared.insert("rand".into());
    });
}

#[test]
fn a_dependency_that_the_design_names_and_the_core_lacks_is_caught() {
    caught("the core's direct", "zeroize", |graph| {
        core(graph).declared.remove("zeroize");
    });
}

#[test]
fn a_networking_crate_is_caught_at_any_depth_but_not_beside_the_core() {
    caught("the core's tree", "socket2", |graph| {
        plant(graph, "digest", package("harmless"));
        plant(graph, "harmless", package("socket2"));
    });
    let mut graph = sound();
    plant(&mut graph, "tasks", package("tokio"));
    assert_eq!(no_networking(&graph), Ok(()));
}

#[test]
fn a_licence_off_the_list_is_caught_anywhere() {
    for licence in ["GPL-3.0-only", "MIT AND AGPL-3.0-only", "see the file"] {
        caught("every licence", "digest", |graph| {
            graph.packages.get_mut("digest").unwrap().licence = Some(licence.into());
        });
    }
    caught("every licence", "tasks", |graph| {
        graph.packages.get_mut("tasks").unwrap().licence = None;
    });
}

#[test]
fn what_is_only_measured_may_have_its_own_licence_and_nothing_else_may_use_it() {
    let (name, licence) = ONLY_MEASURED[0];
    let measured = |graph: &mut Graph, licence: &str| {
        let peers = Package {
            member: Member::Yes,
            source: None,
            ..package(PEERS)
        };
        graph.packages.insert(PEERS.into(), peers);
        let peer = Package {
            licence: Some(licence.into()),
            ..package(name)
        };
        plant(graph, PEERS, peer);
    };
    let mut graph = sound();
    measured(&mut graph, licence);
    assert_eq!(licences(&graph), Ok(()));
    caught("every licence", name, |graph| {
        measured(graph, "GPL-3.0-only");
    });
    caught("every licence", name, |graph| {
        measured(graph, licence);
        let tasks = graph.packages.get_mut("tasks").unwrap();
        tasks.shipped.insert(name.into());
    });
}

#[test]
fn a_newer_compiler_is_caught_from_the_first_release_on() {
    for newer in ["1.88.1", "1.89", "2.0.0", "nightly"] {
        caught(
            "nothing in the core's tree needs a newer",
            "digest",
            |graph| {
                graph.packages.get_mut("digest").unwrap().rust_version = Some(newer.into());
            },
        );
    }
    for fine in [Some("1.88.0"), Some("1.88"), Some("1.9.0"), None] {
        let mut graph = sound();
        graph.packages.get_mut("digest").unwrap().rust_version = fine.map(str::to_owned);
        assert_eq!(rust_versions(&graph), Ok(()), "{fine:?}");
    }
    caught(
        "nothing in the core's tree needs a newer",
        "states no",
        |graph| {
            core(graph).rust_version = None;
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
        caught("every package comes from", "digest", |graph| {
            graph.packages.get_mut("digest").unwrap().source = source.map(str::to_owned);
        });
    }
}

#[test]
fn a_core_that_is_more_or_less_than_a_library_is_caught() {
    for kind in ["cdylib", "staticlib"] {
        caught("the core is a plain library", kind, |graph| {
            core(graph).crate_types.insert(kind.into());
        });
    }
    caught("the core is a plain library", "no lib", |graph| {
        core(graph).crate_types = BTreeSet::from(["bin".into()]);
    });
}

#[test]
fn without_the_core_nothing_passes_by_accident() {
    let mut graph = sound();
    graph.packages.remove(CORE);
    assert!(direct(&graph, DIRECT).is_err());
    assert!(no_networking(&graph).is_err());
    assert!(rust_versions(&graph).is_err());
    assert!(plain_library(&graph).is_err());
}

/// Returns the texts in quotes in the list that follows `key` in a TOML text.
fn quoted<'a>(toml: &'a str, key: &str) -> Vec<&'a str> {
    let (_, rest) = toml.split_once(key).unwrap();
    let (list, _) = rest.split_once("\n]").unwrap();
    list.split('"').skip(1).step_by(2).collect()
}

#[test]
fn deny_toml_has_the_same_lists() {
    let deny = include_str!("../../../deny.toml");
    assert_eq!(quoted(deny, "\nallow = ["), LICENCES);
    assert_eq!(quoted(deny, "\ndeny = ["), NETWORKING);
    let excepted: Vec<_> = ONLY_MEASURED
        .iter()
        .flat_map(|(name, licence)| [*name, *licence])
        .collect();
    assert_eq!(quoted(deny, "\nexceptions = ["), excepted);
}
