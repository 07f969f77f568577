"""The build of a wheel: how it finds what cargo built."""

import importlib.util
import json
import pathlib
import sys
from types import ModuleType
from typing import Any

import pytest
from support import REPOSITORY


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Load the build hook, with a stand-in where hatchling is not installed."""
    interface: Any = ModuleType("hatchling.builders.hooks.plugin.interface")
    interface.BuildHookInterface = object
    monkeypatch.setitem(sys.modules, interface.__name__, interface)
    for at in ("hatchling", "hatchling.builders", "hatchling.builders.hooks",
               "hatchling.builders.hooks.plugin"):  # fmt: skip
        monkeypatch.setitem(sys.modules, at, ModuleType(at))
    path = REPOSITORY / "bindings" / "python" / "hatch_build.py"
    specification = importlib.util.spec_from_file_location("hatch_build", path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    made = module.CargoHook()
    made.root = str(path.parent)
    made.module = module
    return made


def cargo(folder: pathlib.Path, *told: object) -> str:
    """Write a program that stands for cargo and tells what it built."""
    program = folder / "cargo"
    lines = "\n".join(map(json.dumps, told))
    program.write_text(f"#!{sys.executable}\nprint({lines!r})\n")
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize("where", ["/elsewhere/triple/release", "built/release"])
def test_the_library_lies_where_cargo_says(hook: Any, tmp_path: pathlib.Path, where: str) -> None:
    built = f"{where}/libotp_engine.so"
    artifacts = [f"{where}/libotp_engine.a", built]
    program = cargo(
        tmp_path,
        {"reason": "build-script-executed"},
        {"reason": "compiler-artifact", "filenames": ["/elsewhere/libother.rlib"]},
        {"reason": "compiler-artifact", "filenames": artifacts},
        {"reason": "build-finished", "success": True},
    )
    found = hook.module.build(program, tmp_path, "libotp_engine.so")
    assert found == tmp_path / built  # which is the path itself where it begins at the root
    with pytest.raises(RuntimeError, match=r"cargo built no otp_engine\.dll"):
        hook.module.build(program, tmp_path, "otp_engine.dll")


def test_without_cargo_the_way_out_is_named(hook: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RuntimeError, match=r"install Rust 1\.89 or later; there is no wheel"):
        hook.initialize("0.1.0", {})
