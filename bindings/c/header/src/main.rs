//! Writes `include/otp_engine.h`, or with `--verify` says whether it is what would be written.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::path::Path;
use std::process::ExitCode;

const HELP: &str = "usage: otp-engine-header [--verify]\n\n\
    Writes include/otp_engine.h; with --verify it writes nothing, and fails with the first line that\n\
    differs.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let verify = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--verify"] => true,
        ["--help" | "-h"] => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match header(verify) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("otp-engine-header: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn header(verify: bool) -> Result<String, String> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .ok_or("no package above this one")?;
    let path = package.join("../../include/otp_engine.h");
    let config = cbindgen::Config::from_file(package.join("cbindgen.toml"))?;
    let bindings = cbindgen::Builder::new()
        .with_crate(package)
        .with_config(config)
        .generate();
    let mut bytes = Vec::new();
    bindings
        .map_err(|error| error.to_string())?
        .write(&mut bytes);
    let made = short_enums(&String::from_utf8(bytes).map_err(|error| error.to_string())?);
    if !verify {
        std::fs::write(&path, made).map_err(|error| error.to_string())?;
        return Ok("include/otp_engine.h is written".into());
    }
    let found = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
    first_difference(&found, &made).map_or_else(
        || Ok("include/otp_engine.h is up to date".into()),
        |line| Err(format!("include/otp_engine.h differs from the sources in line {line}: run cargo xtask header")),
    )
}

/// Replaces what cbindgen writes around each enumeration by the macros that the header explains once.
fn short_enums(header: &str) -> String {
    let base = "\n#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L\n  : int32_t\n\
         #endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L\n {\n";
    let header = header.replace(base, " OTP_ENUM_BASE {\n");
    let mut short = String::with_capacity(header.len());
    let mut rest = header.as_str();
    while let Some((before, after)) = rest.split_once("#ifndef __cplusplus\n#if __STDC_VERSION__") {
        let Some((name, behind)) = after.split_once("\n#else\ntypedef int32_t ") else {
            break;
        };
        let Some((_, behind)) = behind.split_once("#endif // __cplusplus\n") else {
            break;
        };
        let name = name
            .trim_end_matches(';')
            .rsplit(' ')
            .next()
            .unwrap_or_default();
        short += &format!("{before}OTP_ENUM_TYPE({name})\n");
        rest = behind;
    }
    short + rest
}

fn first_difference(found: &str, made: &str) -> Option<usize> {
    if found == made {
        return None;
    }
    let same = found
        .lines()
        .zip(made.lines())
        .take_while(|(found, made)| found == made)
        .count();
    Some(same + 1)
}

#[cfg(test)]
mod tests {
    use super::{first_difference, short_enums};

    #[test]
    fn what_stands_around_an_enumeration_is_said_once() {
        let long = "/**\n * Two.\n */\nenum otp_two\n\
             #if defined(__cplusplus) || __STDC_VERSION__ >= 202311L\n  : int32_t\n\
             #endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L\n {\n  OTP_TWO_A = 1,\n};\n\
             #ifndef __cplusplus\n#if __STDC_VERSION__ >= 202311L\ntypedef enum otp_two otp_two;\n#else\n\
             typedef int32_t otp_two;\n#endif // __STDC_VERSION__ >= 202311L\n#endif // __cplusplus\nint x;\n";
        let short = "/**\n * Two.\n */\nenum otp_two OTP_ENUM_BASE {\n  OTP_TWO_A = 1,\n};\n\
             OTP_ENUM_TYPE(otp_two)\nint x;\n";
        assert_eq!(short_enums(long), short);
        assert_eq!(short_enums(short), short);
    }

    #[test]
    fn the_first_line_that_differs_is_named() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(first_difference("a\n", "a\nb\n"), Some(2));
        assert_eq!(first_difference("a", "a\n"), Some(2));
    }
}
