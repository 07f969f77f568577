//! Names the shared library: a program that is linked with it asks for this name, whatever the file
//! was called at build time, and an incompatible ABI gets another.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libotp_engine.so.0");
    }
}
