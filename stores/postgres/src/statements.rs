//! The statements, in the files that the Python package carries too.
//!
//! `SCHEMA` stands for the schema, and `DURABILITY` in a commit for its `synchronous_commit`.

pub(crate) const LOAD: &str = include_str!("sql/load.sql");
pub(crate) const COMMIT: &str = include_str!("sql/commit.sql");
pub(crate) const HAS_CELLS: &str = include_str!("sql/has_cells.sql");
pub(crate) const PURGE: &str = include_str!("sql/purge.sql");
pub(crate) const CHECK_SERVER: &str = include_str!("sql/check_server.sql");
pub(crate) const CHECK_TABLE: &str = include_str!("sql/check_table.sql");
pub(crate) const LOCK_MIGRATION: &str = include_str!("sql/lock_migration.sql");
pub(crate) const HAS_SCHEMA: &str = include_str!("sql/has_schema.sql");
pub(crate) const HAS_LAYOUT: &str = include_str!("sql/has_layout.sql");
pub(crate) const FIND_LAYOUT: &str = include_str!("sql/find_layout.sql");
pub(crate) const LAYOUT_TABLE: &str = include_str!("sql/layout_table.sql");

/// Each brings the layout of its number about. One that was released is never changed.
pub(crate) const MIGRATIONS: &[&str] = &[include_str!("sql/layout_1.sql")];

/// Returns a statement for `schema`, without the remarks of its file: the server needs none.
pub(crate) fn in_schema(statement: &str, schema: &str) -> String {
    let lines = statement.lines().filter(|line| !line.starts_with("--"));
    lines
        .collect::<Vec<_>>()
        .join("\n")
        .replace("SCHEMA", schema)
}
