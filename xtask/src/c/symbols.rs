//! What the library gives and takes: its functions are the header's, and none of them reaches a network.

use std::fs;

use crate::job::Job;
use crate::part::Check;

/// The library exports what the header declares and nothing else, and imports no socket function.
pub(crate) fn checks(job: &mut Job<'_>) -> Vec<Check> {
    let library = job.world.target.join("release/libotp_engine.so");
    let library = library.to_string_lossy();
    let nm = |which: &str| {
        let answer = job.world.ask("nm", &["-D", which, &library]);
        answer.ok_or_else(|| format!("nm {which} failed on {library}"))
    };
    let header = fs::read_to_string(job.world.root.join("include/otp_engine.h"));
    let parity = header
        .map_err(|error| error.to_string())
        .and_then(|header| Ok((header, nm("--defined-only")?)))
        .and_then(|(header, exported)| same(&declared(&header), &names(&exported)));
    let quiet = nm("--undefined-only").and_then(|imported| no_socket(&names(&imported)));
    vec![
        Check::new("the library exports the header's functions alone", parity),
        Check::new("the library imports no socket function", quiet),
    ]
}

/// The functions that a header declares, sorted.
fn declared(header: &str) -> Vec<String> {
    let mut code = String::new();
    let mut rest = header;
    while let Some((before, comment)) = rest.split_once("/*") {
        code.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    code.push_str(rest);
    let mut found: Vec<String> = code
        .split('(')
        .filter_map(|before| {
            let is_name = |symbol: char| symbol.is_ascii_alphanumeric() || symbol == '_';
            let name = before.rsplit(|symbol| !is_name(symbol)).next()?;
            name.starts_with("otp_").then(|| name.to_owned())
        })
        .collect();
    found.sort();
    found
}

/// The names in what `nm` prints, sorted and without versions.
pub(super) fn names(listed: &str) -> Vec<String> {
    let name = |line: &str| {
        let last = line.split_whitespace().last()?;
        Some(last.split('@').next().unwrap_or(last).to_owned())
    };
    let mut found: Vec<String> = listed.lines().filter_map(name).collect();
    found.sort();
    found
}

fn same(declared: &[String], exported: &[String]) -> Result<(), String> {
    if declared.is_empty() {
        return Err("the header declares no function".into());
    }
    let lacking = |of: &[String], from: &[String]| -> Vec<String> {
        let lacks = |name: &&String| !from.contains(name);
        of.iter().filter(lacks).cloned().collect()
    };
    let (absent, foreign) = (lacking(declared, exported), lacking(exported, declared));
    if absent.is_empty() && foreign.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "not exported: {absent:?}; not declared: {foreign:?}"
        ))
    }
}

/// What a program needs to reach a network.
const SOCKETS: &[&str] = &[
    "accept",
    "accept4",
    "bind",
    "connect",
    "getaddrinfo",
    "gethostbyname",
    "getpeername",
    "listen",
    "recv",
    "recvfrom",
    "recvmsg",
    "send",
    "sendmsg",
    "sendto",
    "setsockopt",
    "socket",
    "socketpair",
];

pub(super) fn no_socket(imported: &[String]) -> Result<(), String> {
    if imported.is_empty() {
        return Err("nm listed nothing".into());
    }
    let reaches = |name: &&String| SOCKETS.contains(&name.as_str());
    match imported.iter().find(reaches) {
        Some(name) => Err(format!("it imports {name}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "/* otp_old(x) */\n#define OTP_X 1\n\
        typedef int32_t (*otp_clock_fn)(void *user_data);\n\
        OTP_API\nOTP_NODISCARD\notp_status otp_b(const otp_a *a,\n  int x);\n\
        OTP_API void otp_a_free(otp_a *a);\n";

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn declared_functions_are_told_from_types_and_comments() {
        assert_eq!(declared(HEADER), owned(&["otp_a_free", "otp_b"]));
    }

    #[test]
    fn a_missing_and_a_foreign_symbol_are_caught() {
        let listed = "0000 T otp_b\n0001 T otp_a_free@@V1\n";
        assert_eq!(same(&declared(HEADER), &names(listed)), Ok(()));
        assert!(same(&declared(HEADER), &names("0000 T otp_b")).is_err());
        let more = format!("{listed}0002 T sqlite3_open\n");
        assert!(same(&declared(HEADER), &names(&more)).is_err());
        assert!(same(&[], &[]).is_err());
    }

    #[test]
    fn a_socket_function_and_an_empty_list_are_caught() {
        assert_eq!(no_socket(&names("  U malloc@GLIBC_2.2.5\n")), Ok(()));
        assert!(no_socket(&names("  U malloc\n  U socket@GLIBC_2.2.5\n")).is_err());
        assert!(no_socket(&names("")).is_err());
    }
}
