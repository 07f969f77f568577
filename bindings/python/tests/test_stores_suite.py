"""The suite that every store must pass, on real servers; and twins that must fail it."""

import pathlib
import re

import pytest
import stores
from servers import PATIENCE
from support import REPOSITORY

from otp_engine.stores import _postgres_layout, _redis_session

STORM = "a storm of guesses is counted exactly"


@pytest.mark.parametrize("kind", stores.KINDS)
def test_the_store_passes_the_suite_and_naive_twins_fail_it(kind: str) -> None:
    with stores.server(kind) as server:
        with stores.opened(kind, server.address) as store:
            passed, report = store.check()
        assert passed, report
        assert f"passed          {STORM}" in report
        for flaw in stores.FLAWS:
            with stores.opened(kind, server.address, flaw) as twin:
                passed, report = twin.check()
            assert not passed and re.search(rf"FAILED +{STORM}", report), (flaw, report)


def bare(text: str) -> str:
    """Return a text without differences of layout."""
    return " ".join(text.replace("\\\\", "\\").split())


def rust(crate: str) -> str:
    sources = sorted((REPOSITORY / "stores" / crate / "src").rglob("*.rs"))
    return bare("\n".join(path.read_text() for path in sources))


def test_the_statements_are_those_of_the_rust_store() -> None:
    sources = rust("postgres")
    texts = [
        value
        for value in vars(_postgres_layout).values()
        if isinstance(value, str) and "SCHEMA.otp" in value
    ]
    texts += [*_postgres_layout.MIGRATIONS, _postgres_layout.TABLE_CHECK]
    texts += [_postgres_layout.SERVER_CHECK, f'"{_postgres_layout.COLUMNS}"']
    texts.remove(_postgres_layout.LAYOUT_FOUND)  # put together there
    assert len(texts) == 9
    for text in texts:
        assert bare(text) in sources, text
        changed = bare(text).replace("otp", "0tp").replace("fsync", "sync").replace("k b", "k  b")
        assert changed not in sources
    assert f"NEWEST: i32 = {_postgres_layout.NEWEST};" in sources
    assert len(_postgres_layout.MIGRATIONS) == _postgres_layout.NEWEST
    assert f"{_postgres_layout.MIGRATION_LOCK:#x}".replace("0x", "") in sources.replace("_", "")


def test_the_script_is_that_of_the_rust_store() -> None:
    path = REPOSITORY / "stores" / "redis" / "src" / "commit.lua"
    assert path.read_text() == _redis_session.COMMIT
    assert pathlib.Path(path).stat().st_size > 500 and PATIENCE > 30
