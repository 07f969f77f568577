"""The build of wheel and sdist: what cargo built, and what a build elsewhere needs."""

import importlib
import importlib.util
import json
import os
import pathlib
import shutil
import sys
import sysconfig
import zipfile
from types import ModuleType
from typing import Any

import pytest
from support import REPOSITORY

HOST = "x86_64-unknown-linux-gnu"


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
    made.root, made.target_name = str(path.parent), "wheel"
    made.module = module
    return made


def cargo(folder: pathlib.Path, *told: object) -> str:
    """Write a program that stands for cargo and tells what it built."""
    program = folder / "cargo"
    lines = "\n".join(map(json.dumps, told))
    program.write_text(f"#!{sys.executable}\nprint({lines!r})\n")
    program.chmod(0o755)
    return str(program)


def crate(workspace: pathlib.Path, source: str) -> pathlib.Path:
    """Write a crate that stands for the library."""
    (workspace / "src").mkdir(parents=True)
    (workspace / "src" / "lib.rs").write_text(source)
    package = '[package]\nname = "otp-engine-c"\nversion = "0.1.0"\n'
    library = '[lib]\nname = "otp_engine"\ncrate-type = ["cdylib"]\n'
    (workspace / "Cargo.toml").write_text(package + library)
    (workspace / "Cargo.lock").write_text(f"version = 4\n[{package.replace(']', ']]', 1)}")
    return workspace


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
    found = hook.module.build(program, tmp_path)
    assert found == tmp_path / built  # which is the path itself where it begins at the root
    program = cargo(tmp_path, {"filenames": artifacts[:1]})
    with pytest.raises(RuntimeError, match=r"cargo built none of libotp_engine\.dylib, libotp"):
        hook.module.build(program, tmp_path)


def test_without_cargo_the_way_out_is_named(hook: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RuntimeError, match=r"install Rust 1\.89 or later, or a wheel"):
        hook.initialize("0.1.0", {})


@pytest.mark.parametrize(
    ("surroundings", "where"),
    [
        ({}, "target/release"),
        ({"CARGO_TARGET_DIR": "../beside"}, "../beside/release"),
        ({"CARGO_BUILD_TARGET_DIR": "below"}, "below/release"),
        ({"CARGO_BUILD_TARGET": HOST}, f"target/{HOST}/release"),
    ],
)
def test_case_530_a_real_cargo_is_obeyed_wherever_it_builds(
    hook: Any,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    surroundings: dict[str, str],
    where: str,
) -> None:
    workspace = crate(tmp_path / "workspace", "")
    decoy = workspace / "target" / "release" / "libotp_engine.so"
    if surroundings:
        decoy.parent.mkdir(parents=True)
        decoy.write_text("of another day")
    for name in ("CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR", "CARGO_BUILD_TARGET"):
        monkeypatch.delenv(name, raising=False)
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    found = hook.module.build("cargo", workspace)
    assert found.resolve() == (workspace / where / "libotp_engine.so").resolve()
    assert found.read_bytes()[:4] == b"\x7fELF"
    assert "Compiling otp-engine-c" in capfd.readouterr().err  # cargo's progress is seen


def test_case_531_a_wheel_is_named_after_what_was_built(
    hook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CARGO_BUILD_TARGET", raising=False)
    platform, here = hook.module.platform, sysconfig.get_platform().replace("-", "_")
    library = pathlib.Path("/target/release/libotp_engine.so")
    assert platform(library) == here.replace(".", "_")
    # Named in a configuration file, and in the environment.
    arm = pathlib.Path("/target/aarch64-apple-darwin/release/libotp_engine.dylib")
    assert platform(arm) == "macosx_11_0_arm64"
    monkeypatch.setenv("CARGO_BUILD_TARGET", "aarch64-unknown-linux-gnu")
    assert platform(library) == "linux_aarch64"
    monkeypatch.setenv("CARGO_BUILD_TARGET", "wasm32-wasip1")
    with pytest.raises(RuntimeError, match="CARGO_BUILD_TARGET is wasm32-wasip1; wheels are made"):
        platform(library)


def test_case_532_no_library_is_packed_but_the_one_that_was_built(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = importlib.import_module("hatchling.build")
    project = tmp_path / "repository" / "bindings" / "python"
    shutil.copytree(REPOSITORY / "bindings" / "python" / "src", project / "src")
    for name in ("pyproject.toml", "hatch_build.py", "notices.py", "README.md", "LICENSE-MIT"):
        shutil.copyfile(REPOSITORY / "bindings" / "python" / name, project / name)
    (project.parent / "c").mkdir()
    (project.parent / "c" / "Cargo.toml").touch()
    for name in ("libotp_engine.so", "libotp_engine.dylib", "otp_engine.dll"):
        (project / "src" / "otp_engine" / name).write_text("of another day")
    built = tmp_path / "x86_64-unknown-linux-gnu" / "release" / "libotp_engine.so"
    built.parent.mkdir(parents=True)
    built.write_text("just built")
    # Of what it is asked first, and of the licences.
    cargo(tmp_path, {"filenames": [str(built)], "packages": [], "resolve": {"nodes": []}})
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CARGO_BUILD_TARGET", raising=False)
    monkeypatch.chdir(project)
    name = backend.build_wheel(str(tmp_path))
    assert name == "otp_engine-0.1.0-py3-none-linux_x86_64.whl"
    with zipfile.ZipFile(tmp_path / name) as wheel:
        libraries = [n for n in wheel.namelist() if n.endswith((".so", ".dylib", ".dll"))]
        assert libraries == ["otp_engine/libotp_engine.so"]
        assert wheel.read(libraries[0]) == b"just built"


def test_case_533_a_manifest_elsewhere_asks_for_no_test(hook: Any) -> None:
    manifest = """[workspace]
members = ["xtask",
    "bindings/c"]

[dependencies]
a = "1"

[dev-dependencies]
b = "1"

[target.'cfg(unix)'.dev-dependencies.c]
version = "1"

[[bench]]
name = "d"

[profile.release]
lto = true

[profile.test.package.e]
opt-level = 1
"""
    assert (
        hook.module.lean(manifest)
        == """[workspace]
members = ["bindings/c"]

[dependencies]
a = "1"

[profile.release]
lto = true

"""
    )


def test_case_535_an_old_sdist_is_built_in_a_folder_that_others_built_in(
    hook: Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = '#[unsafe(no_mangle)] pub extern "C" fn {}() {{}}'
    other = crate(tmp_path / "other", function.format("of_the_other"))
    sdist = crate(tmp_path / "sdist", function.format("of_the_sdist"))
    for path in sdist.rglob("*"):
        os.utime(path, (1580601600, 1580601600))  # as archives have it
    monkeypatch.delenv("CARGO_BUILD_TARGET", raising=False)
    monkeypatch.setenv("CARGO_TARGET_DIR", str(tmp_path / "shared"))
    assert b"of_the_other" in hook.module.build("cargo", other).read_bytes()
    hook.module.renew(sdist)
    assert b"of_the_sdist" in hook.module.build("cargo", sdist).read_bytes()
    when = (sdist / "src" / "lib.rs").stat().st_mtime_ns
    hook.module.renew(sdist)  # its second call: of the wheel after its metadata
    assert (sdist / "src" / "lib.rs").stat().st_mtime_ns == when
