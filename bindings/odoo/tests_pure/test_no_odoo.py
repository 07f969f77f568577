"""What is said to import no Odoo imports none; a module that does is caught."""

import pkgutil
import subprocess
import sys

import pytest
from conftest import ADDON
from otp_engine import esms

GUARD = """
import sys
class NoOdoo:
    def find_spec(self, name, path=None, target=None):
        if name == "odoo" or name.startswith("odoo."):
            raise ImportError("odoo was imported")
sys.meta_path.insert(0, NoOdoo())
sys.path.insert(0, sys.argv[1])
import importlib
importlib.import_module(sys.argv[2])
"""


def imported(module):
    """Import a module where Odoo cannot be, and return what that said."""
    return subprocess.run(
        [sys.executable, "-c", GUARD, str(ADDON), module],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "module",
    [
        "backup",
        "engine",
        "make_keys",
        *(name for _, name, _ in pkgutil.walk_packages(esms.__path__, "otp_engine.esms.")),
    ],
)
def test_it_imports_no_odoo(module):
    """These serve any back end."""
    done = imported(module)
    assert done.returncode == 0, done.stderr


def test_the_guard_catches_an_import_of_odoo():
    """The models import it, so the guard must say so."""
    assert "odoo was imported" in imported("models.policy").stderr
