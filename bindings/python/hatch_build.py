"""Builds the native library with cargo and puts it into the wheel."""

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NAMES = {"darwin": "libotp_engine.dylib", "win32": "otp_engine.dll"}


def build(cargo: str, workspace: Path, name: str) -> Path:
    """Build the library and return its file: cargo says where, however its folder was set."""
    command = [cargo, "build", "--locked", "--release", "--package", "otp-engine-c"]
    command.append("--message-format=json-render-diagnostics")
    told = subprocess.run(command, cwd=workspace, check=True, stdout=subprocess.PIPE).stdout
    for line in told.splitlines():
        for built in json.loads(line).get("filenames", []):
            if Path(built).name == name:
                return workspace / built
    raise RuntimeError(f"cargo built no {name}")


class CargoHook(BuildHookInterface):
    """Runs `cargo build --release` in the workspace above this folder."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the library, and name the wheel after this platform: any Python 3 loads it."""
        here = Path(self.root)
        workspace = here.parents[1]
        cargo = shutil.which("cargo")
        if cargo is None:
            raise RuntimeError(
                "cargo was not found: install Rust 1.89 or later; there is no wheel to install"
            )
        if not (workspace / "bindings" / "c" / "Cargo.toml").exists():
            raise RuntimeError(f"{workspace} is not the whole repository, which building needs")
        name = NAMES.get(sys.platform, "libotp_engine.so")
        shutil.copyfile(build(cargo, workspace, name), here / "src" / "otp_engine" / name)
        build_data["pure_python"] = False
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"
        build_data["artifacts"].append(f"src/otp_engine/{name}")
