//! Where the LLVM programs are that can read this compiler's coverage profiles.
//!
//! The format of profiles changes with LLVM: the programs must be of the compiler's own major
//! version. The toolchain's component `llvm-tools` has them, and so has Debian's package.

use std::path::{Path, PathBuf};

use crate::world::World;

/// Returns the directory with `llvm-cov` and `llvm-profdata`, if there is one.
pub(crate) fn tools(world: &World) -> Option<PathBuf> {
    let about = world.ask("rustc", &["-vV"])?;
    let sysroot = world.ask("rustc", &["--print", "sysroot"])?;
    let host = field(&about, "host")?;
    let own = Path::new(&sysroot)
        .join("lib/rustlib")
        .join(host)
        .join("bin");
    let debian = PathBuf::from(format!("/usr/lib/llvm-{}/bin", major(&about)?));
    [own, debian]
        .into_iter()
        .find(|folder| folder.join("llvm-cov").exists() && folder.join("llvm-profdata").exists())
}

/// Returns the name of Debian's package that fits the compiler.
///
/// # Errors
///
/// Where the compiler does not tell its LLVM.
pub(crate) fn package(world: &World) -> Result<String, String> {
    let about = world.ask("rustc", &["-vV"]).unwrap_or_default();
    let major = major(&about).ok_or("rustc -vV does not tell its LLVM version")?;
    Ok(format!("llvm-{major}"))
}

fn major(about: &str) -> Option<&str> {
    field(about, "LLVM version")?.split('.').next()
}

fn field<'a>(about: &'a str, name: &str) -> Option<&'a str> {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(": ");
    about.lines().find_map(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_follows_the_compiler() {
        let about = "rustc 1.95.0\nhost: x86_64-unknown-linux-gnu\nLLVM version: 22.1.2";
        assert_eq!(major(about), Some("22"));
        assert_eq!(field(about, "host"), Some("x86_64-unknown-linux-gnu"));
        assert_eq!(major("rustc 1.95.0"), None);
    }
}
