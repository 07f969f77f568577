use std::path::Path;

use super::*;

const VERIFIED: &str = "sslmode=verify-full";

fn refused(parameters: &str, has_tls: bool) -> String {
    parse(parameters, has_tls).unwrap_err().to_string()
}

/// Writes a list's parameters as an address has them.
fn address(list: &str) -> String {
    format!("postgres://u:p%3F@db/bank?{}", list.replace(' ', "&"))
}

/// Plain text is for those who ask for it, or who say nothing of TLS.
#[test]
fn case_717_a_mode_that_checks_no_name_or_goes_on_without_tls_is_refused() {
    let list = |words: &str| format!("host=db user=u {words}");
    let write: [&dyn Fn(&str) -> String; 2] = [&list, &address];
    for write in write {
        for words in ["", "sslmode=disable", "sslmode=disable sslrootcert=/ca"] {
            for has_tls in [true, false] {
                let (config, files) = parse(&write(words), has_tls).unwrap();
                assert_eq!(config.get_ssl_mode(), SslMode::Disable, "{words}");
                assert_eq!(files, None);
            }
        }
        let (config, files) = parse(&write(VERIFIED), true).unwrap();
        assert_eq!(config.get_ssl_mode(), SslMode::Require);
        assert_eq!(files, Some(Files::default()));
        for words in [
            "sslmode=require",
            "sslmode=verify-ca",
            "sslmode=prefer",
            "sslmode=allow",
            "sslmode=hunter2",
            "sslmode=disable sslmode=require",
            "sslmode=verify-full sslmode=prefer",
            "sslrootcert=/ca",
            "sslcert=/c",
            "sslkey=/k",
            "sslnegotiation=direct",
        ] {
            let said = refused(&write(words), true);
            assert!(
                said.starts_with("sslmode must be verify-full, or disable"),
                "{words}: {said}"
            );
            assert!(!said.contains("hunter2"), "{said}");
            let said = refused(&write(words), false);
            assert!(
                said.contains("the feature `tls` of otp-engine-postgres"),
                "{words}: {said}"
            );
        }
        let said = refused(&write(VERIFIED), false);
        assert!(
            said.contains("the feature `tls` of otp-engine-postgres"),
            "{said}"
        );
    }
    // A word of TLS that the client reads as a part of something else.
    for hidden in [
        "host=db,sslmode=verify-full user=u",
        "host=db user=u application_name=x;sslmode=verify-full",
        "postgres://u@db/bank&sslmode=verify-full",
        "postgres://u@db/bank?application_name=x;sslmode=verify-full",
        "host=db user=u channel_binding=require",
    ] {
        let said = refused(hidden, true);
        assert!(
            said.starts_with("sslmode must be verify-full"),
            "{hidden}: {said}"
        );
    }
    // A value's own mark is not that of the first parameter.
    let marked =
        "postgres://u@db/bank?application_name=why?&channel_binding=require&sslmode=verify-full";
    let (config, files) = parse(marked, true).unwrap();
    assert_eq!(config.get_application_name(), Some("why?"));
    assert_eq!(config.get_channel_binding(), ChannelBinding::Require);
    assert_eq!(files, Some(Files::default()));
    // One that this parser does not find is found by the other one.
    for hidden in ["x sslmode=require", "host=db sslmode"] {
        assert!(parse(hidden, true).is_err(), "{hidden}");
    }
}

/// Whatever is not about TLS is left as it was written.
#[test]
fn case_717_files_are_named_as_in_libpq() {
    let named = Files {
        roots: Some("/a b/ca'.pem".into()),
        certificate: Some("c".into()),
        key: Some("k=&?".into()),
    };
    let coded = "postgres://u:p%3Fx?y@db/bank?application_name=a%26b&ssl%6dode=verify-full\
                 &sslrootcert=%2Fa%20b/ca'.pem&connect_timeout=7&sslcert=c&sslkey=k%3D%26%3F";
    let list = r" host = db user=u password = 'p?x?y' dbname=bank sslcert=c
        application_name='a&b' sslrootcert = '/a b/ca\'.pem' sslkey='k=&?'sslmode=verify\-full
        connect_timeout=7 port=5432 ";
    let bare = "host=db port=5432 user=u password=p?x?y dbname=bank application_name=a&b \
                connect_timeout=7 sslmode=require";
    let bare: Config = bare.parse().unwrap();
    for parameters in [coded, list] {
        let (config, files) = parse(parameters, true).unwrap();
        assert_eq!((config, files.as_ref()), (bare.clone(), Some(&named)));
    }
    let folder = Path::new("/ssl");
    // What only looks like a parameter is none.
    for inside in [
        "password='x sslmode=require'",
        r"password=x\ sslmode=require",
        "options='sslkey=k'",
    ] {
        let (config, files) = parse(&format!("host={} {inside}", folder.display()), true).unwrap();
        assert_eq!(
            (config.get_ssl_mode(), files),
            (SslMode::Disable, None),
            "{inside}"
        );
    }
}

/// The rest of a list that cannot be read is not told, and it is refused.
#[test]
fn case_717_what_cannot_be_read_is_refused_by_the_client() {
    for wrong in [
        "host='db sslmode=verify-full",
        "host=db =x sslmode=verify-full",
        "host=db sslcrl=/c",
        // What the client reads as a user, or as user and password.
        "postgres:///bank?host=db&user=otp&sslmode=verify-full&application_name=otp@node1",
        "postgres://?sslmode=verify-full&user=otp@tenant",
        "postgres://db:5432?sslmode=verify-full&user=otp@tenant",
        "postgres://db:5432/bank?user=otp@tenant",
        // A file that was forgotten: the error would tell what follows.
        "host=db sslmode=verify-full sslrootcert= password=hunter2",
        "postgres://u@db/bank?sslmode=verify-full&sslrootcert=/ca?password=hunter2",
    ] {
        let error = parse(wrong, true).unwrap_err();
        assert!(error.is_of_parameters(), "{wrong}: {error}");
    }
}
