"""Odoo 19 runs on PostgreSQL 13: what the addon says to it is no newer."""

import re
from pathlib import Path

import otp_engine
import pytest
from conftest import ADDON

#: What is newer than PostgreSQL 13, and since when.
NEWER = {
    r"CREATE\s+OR\s+REPLACE\s+TRIGGER": 14,
    r"\b(date_bin|bit_count|string_to_table|trim_array|unistr|split_part\([^)]*-\d)": 14,
    r"\bGROUP\s+BY\s+(DISTINCT|ALL)\b": 14,
    r"\bBEGIN\s+ATOMIC\b": 14,
    r"\b\w+multirange\b": 14,
    r"\bCOMPRESSION\s+\w+": 14,
    r"\bSEARCH\s+(DEPTH|BREADTH)\s+FIRST\b": 14,
    r"\bMERGE\s+INTO\b": 15,
    r"\bNULLS\s+(NOT\s+)?DISTINCT\b": 15,
    r"\bsecurity_invoker\b": 15,
    r"\bregexp_(count|instr|like|substr)\b": 15,
    r"\b(any_value|array_sample|array_shuffle|pg_input_is_valid|random_normal)\b": 16,
    r"\b(json_table|json_exists|json_query|json_value|json_scalar|json_serialize)\s*\(": 16,
    r"\bIS\s+(NOT\s+)?JSON\b": 16,
    r"\b(array_sort|array_reverse|uuidv7|casefold|crc32c?)\s*\(": 18,
    r"\bRETURNING\s+WITH\b": 18,
}


def newer(text):
    """Return what in a text PostgreSQL 13 does not know."""
    return [
        f"{found[0]}: PostgreSQL {since}"
        for construct, since in NEWER.items()
        for found in re.finditer(construct, without_remarks(text), re.IGNORECASE)
    ]


def without_remarks(text):
    """Drop what Python, SQL and XML take for a remark."""
    return re.sub(r"(?m)^\s*(#|--).*$|<!--.*?-->", "", text, flags=re.DOTALL | re.MULTILINE)


def test_case_324_no_statement_is_newer_than_postgresql_13():
    """Of the addon, of the demo and of what the addon takes from the package."""
    package = Path(otp_engine.__file__).parent
    files = [
        path
        for folder in (
            ADDON,
            ADDON.with_name("esms_otp_demo"),
            package / "esms",
            package / "stores",
        )
        for path in folder.rglob("*")
        if path.suffix in (".py", ".sql", ".xml")
    ]
    assert len(files) > 80
    found = {str(path): seen for path in files if (seen := newer(path.read_text()))}
    assert found == {}


@pytest.mark.parametrize(
    "planted",
    [
        "CREATE OR REPLACE\n  TRIGGER x BEFORE UPDATE ON t",
        "MERGE INTO t USING s ON true",
        "CREATE UNIQUE INDEX ON t (a) NULLS NOT DISTINCT",
        "SELECT date_bin('1 h', at, '2000-01-01')",
        "SELECT regexp_count(a, 'b')",
    ],
)
def test_what_is_newer_is_found(planted):
    """The list is not empty words."""
    assert newer(planted)
    assert not newer("CREATE OR REPLACE FUNCTION x; CREATE TRIGGER y; SELECT count(DISTINCT a)")
