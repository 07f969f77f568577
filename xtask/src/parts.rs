//! The parts of each task. To add one: declare it, and name it in its task's table.

use crate::need::Need::{self, Apt, CargoTool, Component, LlvmTools, Pip};
use crate::runner::Part;
use crate::runner::Step::{self, Checks, Ends, Run, Tests};
use crate::{
    bench, c, coverage, dependencies, dist, fuzz, instructions, interop, mutants, need, nostd,
    odoo, package, python, service, upgrade,
};

const fn part(
    name: &'static str,
    about: &'static str,
    needs: &'static [Need],
    steps: &'static [Step],
) -> Part {
    Part {
        name,
        about,
        needs,
        steps,
    }
}

/// The examples, by their names on the runner's path; built as the part `test` builds all, so mostly built already.
const EXAMPLES: &str = "cargo build --locked --profile test --workspace --all-features --examples";

/// `cargo xtask test`: quick ones first.
pub(crate) const TEST: &[Part] = &[
    part(
        "fmt",
        "all Rust is formatted as rustfmt does by default",
        &[Component("fmt")],
        &[Run("cargo fmt --all --check")],
    ),
    part(
        "deps",
        "the core's dependencies: named in the design, no networking, licences, compiler, sources",
        &[],
        &[
            Checks(dependencies::checks),
            // The fuzzers' workspace has a lock of its own, which no other command holds against its manifests.
            Run("cargo fetch --locked --manifest-path fuzz/Cargo.toml"),
        ],
    ),
    part(
        "clippy",
        "no lint fires: all targets and features; the core also without std",
        &[Component("clippy")],
        &[
            Run("cargo clippy --locked --workspace --all-targets --all-features -- -D warnings"),
            Run(
                "cargo clippy --locked --package otp-engine --lib --no-default-features -- -D warnings",
            ),
        ],
    ),
    part(
        "doc",
        "the documentation builds without a warning",
        &[],
        &[Run(
            "env RUSTDOCFLAGS=-Dwarnings cargo doc --locked --workspace --no-deps --all-features",
        )],
    ),
    part(
        "nostd",
        "the core and the log build without std, and no crate behind them takes std",
        &[],
        &[Checks(nostd::checks)],
    ),
    part(
        "test",
        "every test, doc examples too, with all features",
        SERVERS,
        &[Tests(
            "cargo test --locked --workspace --all-features --no-fail-fast -- --show-output",
        )],
    ),
    part(
        "package",
        "the core and its crates pack, build from their packages, and the core's is complete",
        &[],
        &[Checks(package::checks)],
    ),
    part(
        "example",
        "the main job runs from end to end, its records verify, and bad input ends with exit code 2",
        &[],
        &[
            Run(EXAMPLES),
            Run("sign_loan_offer --demo"),
            // A file that is no request.
            Ends(2, "sign_loan_offer Cargo.toml"),
            // A request that is not there.
            Ends(2, "sign_loan_offer examples/no-such-request.json"),
            Ends(2, "sign_loan_offer --no-such-option"),
            Run("verify_record --keys tests/vectors/records/first.jwks \
                 --tenant acme --count 1 tests/vectors/records/first.sd-jwt"),
            // Another tenant's.
            Ends(
                1,
                "verify_record --keys tests/vectors/records/first.jwks \
                 --tenant globex tests/vectors/records/first.sd-jwt",
            ),
            // The page counts one more.
            Ends(
                1,
                "verify_record --keys tests/vectors/records/first.pem \
                 --count 2 tests/vectors/records/first.sd-jwt",
            ),
            // A file that holds no record, and one that holds no key.
            Ends(
                2,
                "verify_record --keys tests/vectors/records/first.jwks \
                 Cargo.toml",
            ),
            Ends(
                2,
                "verify_record --keys Cargo.toml \
                 tests/vectors/records/first.sd-jwt",
            ),
            // A device is enrolled, and shows its code; a secret that is too short.
            Run("authenticator"),
            Run("authenticator GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"),
            Ends(2, "authenticator GEZDGNBVGY3TQOJQ"),
            Run("authenticator --help"),
        ],
    ),
    part(
        "interop",
        "PyJWT, joserfc, OpenSSL, rfc8785 and sd-jwt read our records, and we read theirs; Pillow opens what images we take; Go judges the log",
        &[
            Apt("openssl golang-go golang-golang-x-mod-dev"),
            Pip("interop"),
        ],
        &[Run(EXAMPLES), Checks(interop::checks)],
    ),
    part(
        "c",
        "the C ABI: header, tests and examples in C and C++, memcheck, constant time, sanitizers, symbols, packages",
        &[
            Apt("gcc g++ binutils valgrind gdb abigail-tools dpkg-dev pkg-config cmake meson"),
            Pip("c"),
        ],
        &[
            Run("cargo build --locked --release --package otp-engine-c"),
            Run("cargo run --locked --quiet --package otp-engine-header -- --verify"),
            Checks(c::constant_time),
            Checks(c::abi),
            Checks(c::layout),
            Checks(c::vectors),
            Checks(c::compiles),
            Checks(c::symbols),
            Checks(c::deb),
            Checks(c::passes),
            Checks(c::dump),
            Checks(c::stack),
            Checks(c::sanitizers),
            Checks(c::valgrind),
        ],
    ),
    part(
        "instructions",
        "issue, verify and HOTP take no more instructions than is written down",
        &[Apt("valgrind")],
        &[
            Run("cargo build --locked --release --package otp-engine-instructions"),
            Checks(instructions::checks),
        ],
    ),
    part(
        "python",
        "the Python package builds, installs, and passes its tests from the installed wheel",
        &[
            Apt("gcc oathtool openssl valgrind postgresql pgbouncer redis-server"),
            Pip("python"),
        ],
        &[Checks(python::checks)],
    ),
    part(
        "bench",
        "each row of `cargo xtask bench` runs, and those that its goals name are among them",
        bench::NEEDS,
        &[Checks(bench::quick)],
    ),
    ADDON,
    SERVICE,
];

/// `cargo xtask soak`.
pub(crate) const SOAK: &[Part] = &[
    part(
        "long",
        "every long test (#[ignore]), optimised",
        SERVERS,
        &[Tests(
            "cargo test --locked --profile soak --workspace --all-features --no-fail-fast -- \
             --ignored --skip soak_ --show-output",
        )],
    ),
    part(
        "fuzz",
        "each fuzz target for a minute under AddressSanitizer; a planted fault is found",
        &[Apt("g++"), CargoTool("cargo-fuzz", "0.13.2")],
        &[Checks(fuzz::checks)],
    ),
    part(
        "upgrade",
        "the version before, built from the history, beside this one on one SQLite file and one PostgreSQL",
        SERVERS,
        &[Checks(upgrade::checks)],
    ),
    part(
        "pooler",
        "codes through PgBouncer, by transaction and by session, in a storm with kills",
        SERVERS,
        &[Tests(
            "cargo test --locked --profile soak --workspace --all-features \
             --test soak -- --ignored --show-output soak_pooler",
        )],
    ),
    part(
        "standby",
        "codes while a synchronous standby vanishes and comes back: sessions within the pools",
        SERVERS,
        &[Tests(
            "cargo test --locked --profile soak --workspace --all-features \
             --test soak -- --ignored --show-output soak_standby",
        )],
    ),
    part(
        "failover",
        "codes on a cluster of Patroni whose leader is killed (kill -9), twice",
        &[Apt("postgresql patroni etcd-server")],
        &[Tests(
            "cargo test --locked --profile soak --workspace --all-features \
             --test soak -- --ignored --show-output soak_failover",
        )],
    ),
    part(
        "installed",
        "cargo cinstall, the sdist, a wheel for old systems and the command, each installed from nothing",
        &[
            Apt("gcc g++ binutils pkg-config cmake meson"),
            CargoTool("cargo-c", "0.10.24+cargo-0.98.0"),
            dist::PYTHON,
        ],
        &[Checks(c::installed), Checks(dist::installed)],
    ),
    part(
        "load",
        "the optimised service under wrk for a minute: latencies, codes per second, exact counts",
        &[Apt("wrk"), Pip("service")],
        &[Checks(service::load)],
    ),
    part(
        "gateway",
        "20 users of Odoo send 200 codes through a gateway that takes 8 s: others are served meanwhile",
        &[Apt("postgresql"), Pip("odoo")],
        &[Checks(odoo::slow_gateway)],
    ),
    part(
        "peers",
        "what teams run in the service's place, beside it: each installs, and is loaded for a moment",
        &[],
        &[Checks(bench::peers)],
    ),
    COVERED,
    part(
        "mutants",
        "at least 95 % of the changes made to the decision modules fail a test",
        &[CargoTool("cargo-mutants", "27.1.0")],
        &[Checks(mutants::checks)],
    ),
];

/// `cargo xtask dist`.
pub(crate) const DIST: &[Part] = &[
    part(
        "sdist",
        "the Python package's sources, which build with cargo alone",
        &[dist::PYTHON],
        &[Checks(dist::sdist)],
    ),
    part(
        "wheel",
        "the Python package for Linux on x86-64 with glibc 2.17 or later (manylinux2014)",
        &[dist::PYTHON],
        &[Checks(dist::wheel)],
    ),
    part(
        "deb",
        "the C library as Debian packages of this machine's release: libotp-engine0, libotp-engine-dev",
        &[Apt("gcc binutils dpkg-dev python3")],
        &[
            Run("cargo build --locked --release --package otp-engine-c"),
            Checks(dist::deb),
        ],
    ),
];

/// `cargo xtask coverage`.
pub(crate) const COVERAGE: &[Part] = &[COVERED];

/// `cargo xtask odoo --test`.
pub(crate) const ODOO: &[Part] = &[ADDON];

/// `cargo xtask service --test`.
pub(crate) const SERVICES: &[Part] = &[SERVICE];

/// The servers that the tests of the stores start for themselves, what makes their disks fail, what the
/// command's codes are compared with, and what verifies a log's checkpoints and stamps them.
const SERVERS: &[Need] = &[Apt(
    "postgresql pgbouncer redis-server strace oathtool openssl",
)];

const ADDON: Part = part(
    "odoo",
    "the Odoo addon: lints, then its tests on a real Odoo with four workers",
    odoo::NEEDS,
    &[Checks(odoo::sources), Checks(odoo::server)],
);

const SERVICE: Part = part(
    "service",
    "the reference service from outside: its page, OpenAPI, two processes in a storm, load, backup",
    &[
        Apt("postgresql sqlite3 chromium wrk"),
        Pip("service"),
        need::AXE,
    ],
    &[Checks(service::checks)],
);

const COVERED: Part = part(
    "coverage",
    "every line of the decision modules runs in a test",
    &[LlvmTools, CargoTool("cargo-llvm-cov", "0.9.1")],
    &[Checks(coverage::checks)],
);
