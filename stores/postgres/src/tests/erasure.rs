//! What is left of an erased body in the server's files, and what the documents say to run.

use std::{fs, path::Path};

use super::*;

/// Says whether any file below holds the text.
fn holds(folder: &Path, text: &[u8]) -> bool {
    let finds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    fs::read_dir(folder).unwrap().flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            holds(&path, text)
        } else {
            finds(&fs::read(&path).unwrap_or_default())
        }
    })
}

/// The block of SQL that docs/operations.md prints for it.
fn printed() -> Vec<&'static str> {
    const OPERATIONS: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/operations.md"
    ));
    let after = OPERATIONS.split_once("## PostgreSQL").unwrap().1;
    let after = after.split_once("**Erase.**").unwrap().1;
    let block = after.split_once("```sql\n").unwrap().1;
    let lines = block.split_once("```").unwrap().0.lines();
    lines.map(|line| line.split_once(';').unwrap().0).collect()
}

#[test]
fn case_233_what_was_erased_is_gone_from_the_files_after_what_the_documents_say() {
    let server = migrated(&["wal_recycle=off", "autovacuum=off", "full_page_writes=on"]);
    let store = PostgresStore::open(&server.url()).unwrap();
    let mut admin = admin(&server);
    let erased = b"erased-name-0815";
    for number in 0..20 {
        let named = Write {
            body: erased,
            ..kept(number, 0)
        };
        assert_eq!(store.commit(&[named], NOW).unwrap(), Commit::Done);
    }
    // Samples of bodies are kept among the statistics.
    admin.batch_execute("ANALYZE otp_engine.otp_cell").unwrap();
    for number in 0..20 {
        assert_eq!(store.commit(&[kept(number, 1)], NOW).unwrap(), Commit::Done);
    }
    admin.batch_execute("CHECKPOINT").unwrap();
    let (tables, log) = (server.data().join("base"), server.data().join("pg_wal"));
    assert!(holds(&tables, erased) && holds(&log, erased));

    let statements = printed();
    assert!(statements.len() > 4, "{statements:?}");
    // The table alone is not enough, or the test would not see what the others are for.
    for statement in &statements[2..3] {
        admin.batch_execute(statement).unwrap();
    }
    admin.batch_execute("CHECKPOINT").unwrap();
    assert!(holds(&tables, erased), "the statistics held no sample");
    for statement in statements {
        admin.batch_execute(statement).unwrap();
    }
    assert!(!holds(&tables, erased), "a table");
    assert!(!holds(&log, erased), "the log");
    assert_eq!((version(&store, 1), version(&store, 19)), (2, 2));
    assert_eq!(store.commit(&[kept(1, 2)], NOW).unwrap(), Commit::Done);
    PostgresStore::open(&server.url()).unwrap(); // the table is still ours
}
