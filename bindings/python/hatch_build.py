"""Builds the native library with cargo for the wheel; gives the sdist what it is built from."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LIBRARY = "otp-engine-c"
NAMES = {"libotp_engine.so", "libotp_engine.dylib", "otp_engine.dll"}
INSIDE = "rust"  # where an sdist has the workspace

# The platforms of wheels by cargo's targets: what is built for others is not named after this one.
PLATFORMS = {
    "x86_64-unknown-linux-gnu": "linux_x86_64",
    "aarch64-unknown-linux-gnu": "linux_aarch64",
    "x86_64-apple-darwin": "macosx_10_12_x86_64",
    "aarch64-apple-darwin": "macosx_11_0_arm64",
    "x86_64-pc-windows-gnu": "win_amd64",
    "x86_64-pc-windows-msvc": "win_amd64",
}

# The tables of manifests that only the repository's own tests need.
OWN = r"\[+(target\..+\.)?(dev-dependencies|bench|test|example|profile\.(dev|test|soak))\b"


def build(cargo: str, workspace: Path) -> Path:
    """Build the library and return its file: cargo says where, however its folders were set.

    What cargo says of its progress goes to where this process writes its errors.
    """
    command = [cargo, "build", "--locked", "--release", "--package", LIBRARY]
    command.append("--message-format=json-render-diagnostics")
    told = subprocess.run(command, cwd=workspace, check=True, stdout=subprocess.PIPE).stdout
    for line in told.splitlines():
        for built in json.loads(line).get("filenames", []):
            if Path(built).name in NAMES:
                return workspace / built
    raise RuntimeError(f"cargo built none of {', '.join(sorted(NAMES))}")


def renew(workspace: Path) -> None:
    """Make the files of an unpacked sdist newer than all that cargo has built, once.

    They are as old as the archive says. In a folder that is shared cargo would take what was built
    of other files of the same version for theirs.
    """
    done = workspace / "renewed"
    if not done.exists():
        for path in workspace.rglob("*"):
            os.utime(path)
        done.touch()


def platform(built: Path) -> str:
    """Return the platform for which cargo built: that of its target, or this one."""
    named = os.environ.get("CARGO_BUILD_TARGET")
    target = named or built.parent.parent.name  # a configuration file may name one too
    if target in PLATFORMS:
        return PLATFORMS[target]
    if named:
        known = ", ".join(PLATFORMS)
        raise RuntimeError(f"CARGO_BUILD_TARGET is {named}; wheels are made for {known}")
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")


def crates(cargo: str, workspace: Path) -> Iterator[Path]:
    """Yield the folders of the crates of this workspace that the library is built from."""
    command = [cargo, "metadata", "--locked", "--format-version=1"]
    told = subprocess.run(command, cwd=workspace, check=True, stdout=subprocess.PIPE).stdout
    graph = json.loads(told)
    ours = {crate["id"]: crate for crate in graph["packages"] if crate["source"] is None}
    needs = {node["id"]: node["deps"] for node in graph["resolve"]["nodes"]}
    found = [key for key, crate in ours.items() if crate["name"] == LIBRARY]
    for key in found:
        for need in needs[key]:
            is_built = any(kind["kind"] != "dev" for kind in need["dep_kinds"])
            if is_built and need["pkg"] in ours and need["pkg"] not in found:
                found.append(need["pkg"])
        yield Path(ours[key]["manifest_path"]).parent.relative_to(workspace)


def lean(manifest: str) -> str:
    """Return a manifest without what only the repository's own tests need."""
    kept, is_kept = [], True
    for line in manifest.splitlines():
        if line.startswith("["):
            is_kept = not re.match(OWN, line)
        if is_kept:
            kept.append(line)
    text = "\n".join(kept) + "\n"
    return re.sub(r"^members = \[.*?\]$", 'members = ["bindings/c"]', text, flags=re.M | re.S)


def stage(cargo: str, workspace: Path, to: Path) -> None:
    """Copy what the library needs of the workspace into a folder: crates, lock, header."""
    folders = {Path(), *crates(cargo, workspace)}
    for folder in sorted(folders):
        (to / folder).mkdir(parents=True, exist_ok=True)
        for name in ("README.md", "build.rs"):
            if (workspace / folder / name).exists():
                shutil.copyfile(workspace / folder / name, to / folder / name)
        shutil.copytree(workspace / folder / "src", to / folder / "src")
        manifest = (workspace / folder / "Cargo.toml").read_text()
        (to / folder / "Cargo.toml").write_text(lean(manifest))
    shutil.copytree(workspace / "include", to / "include")
    for name in ("Cargo.lock", "LICENSE-APACHE", "LICENSE-MIT"):
        shutil.copyfile(workspace / name, to / name)
    # Without `--locked` cargo drops from the lock what only the other crates needed.
    command = [cargo, "metadata", "--format-version=1", "--manifest-path", str(to / "Cargo.toml")]
    subprocess.run(command, cwd=workspace, check=True, stdout=subprocess.DEVNULL)


class CargoHook(BuildHookInterface):
    """Runs cargo in the workspace: inside an unpacked sdist, else in the repository around."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Give the sdist the workspace; for a wheel build the library: any Python 3 loads it."""
        here = Path(self.root)
        is_sdist, is_unpacked = self.target_name == "sdist", (here / INSIDE).is_dir()
        workspace = here / INSIDE if is_unpacked else here.parents[1]
        cargo = shutil.which("cargo")
        if cargo is None:
            raise RuntimeError("cargo was not found: install Rust 1.89 or later, or a wheel")
        if not (workspace / "bindings" / "c" / "Cargo.toml").exists():
            raise RuntimeError(f"{workspace} is neither the whole repository nor an unpacked sdist")
        if is_sdist:
            if not is_unpacked:
                self.staged = tempfile.TemporaryDirectory()
                stage(cargo, workspace, Path(self.staged.name))
                build_data["force_include"][self.staged.name] = INSIDE
            return
        if is_unpacked:
            renew(workspace)
        built = build(cargo, workspace)
        told = [sys.executable, str(here / "notices.py"), str(workspace)]
        self.staged = tempfile.TemporaryDirectory()
        notices = Path(self.staged.name) / "NOTICES.txt"
        notices.write_bytes(subprocess.run(told, check=True, stdout=subprocess.PIPE).stdout)
        build_data["extra_metadata"][str(notices)] = notices.name
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform(built)}"
        if version == "editable":  # the package is loaded from its sources
            shutil.copyfile(built, here / "src" / "otp_engine" / built.name)
        else:
            build_data["force_include"][str(built)] = f"otp_engine/{built.name}"
