"""The tables and statements of ``otp-engine-postgres``, from the files that both carry."""

from importlib.resources import files


def _sql(name: str) -> str:
    """Return a statement without the remarks of its file: the server needs none."""
    lines = (files(__package__) / "sql" / f"{name}.sql").read_text("utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("--"))


LOAD = _sql("load")
COMMIT = _sql("commit")
HAS_CELLS = _sql("has_cells")
PURGE = _sql("purge")
CHECK_SERVER = _sql("check_server")
CHECK_TABLE = _sql("check_table")
LOCK_MIGRATION = _sql("lock_migration")
HAS_SCHEMA = _sql("has_schema")
HAS_LAYOUT = _sql("has_layout")
FIND_LAYOUT = _sql("find_layout")
LAYOUT_TABLE = _sql("layout_table")

# Each brings the layout of its number about. One that was released is never changed.
MIGRATIONS = (_sql("layout_1"),)

NEWEST = len(MIGRATIONS)
"""The number of the newest migration."""


def is_known(found: int, newest: int = NEWEST) -> bool:
    """Say whether a version works with a layout: with its newest one, and with the one before.

    So services are replaced first, and the schema is migrated after the last.
    """
    return 1 <= found <= newest and found >= newest - 1
