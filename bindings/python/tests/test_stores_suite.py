"""The suite that every store must pass, on real servers; and twins that must fail it."""

import inspect
import re
from importlib.resources import files
from types import ModuleType

import pytest
import stores
from servers import PATIENCE
from support import REPOSITORY

from otp_engine import stores as stores_package
from otp_engine.stores import _postgres_layout, _redis_session

STORM = "a storm of guesses is counted exactly"


@pytest.mark.parametrize("kind", stores.KINDS)
def test_the_store_passes_the_suite_and_naive_twins_fail_it(kind: str) -> None:
    with stores.server(kind) as server:
        with stores.opened(kind, server.address) as store:
            report = store.check()
        assert report, report.text
        assert f"passed          {STORM}" in report.text
        for flaw in stores.FLAWS:
            with stores.opened(kind, server.address, flaw) as twin:
                report = twin.check()
            assert not report and re.search(rf"FAILED +{STORM}", report.text), (flaw, report.text)


def carried(crate: str, folder: str, module: ModuleType) -> None:
    """The package has the crate's files, the same bytes, and both read every one of them."""
    originals = REPOSITORY / "stores" / crate / "src" / folder
    sources = "".join(path.read_text() for path in originals.parent.glob("*.rs"))
    copies = files(stores_package).joinpath(folder)
    names = {path.name for path in originals.iterdir()}
    assert names and names == {path.name for path in copies.iterdir()}
    for name in names:
        assert copies.joinpath(name).read_bytes() == (originals / name).read_bytes(), name
        assert f'include_str!("{folder}/{name}")' in sources, name
        assert f'"{name.removesuffix(".sql")}"' in inspect.getsource(module), name


def test_the_statements_are_those_of_the_rust_store() -> None:
    carried("postgres", "sql", _postgres_layout)
    sources = (REPOSITORY / "stores" / "postgres" / "src" / "layout.rs").read_text()
    assert f"NEWEST: i32 = {_postgres_layout.NEWEST};" in sources


def test_the_script_is_that_of_the_rust_store() -> None:
    carried("redis", "lua", _redis_session)
    assert len(_redis_session.COMMIT) > 500 and PATIENCE > 30
