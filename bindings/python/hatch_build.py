"""Builds the native library with cargo and puts it into the wheel."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NAMES = {"darwin": "libotp_engine.dylib", "win32": "otp_engine.dll"}


class CargoHook(BuildHookInterface):
    """Runs `cargo build --release` in the workspace above this folder."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the library, and name the wheel after this platform: any Python 3 loads it."""
        here = Path(self.root)
        workspace = here.parents[1]
        cargo = shutil.which("cargo")
        if cargo is None or not (workspace / "bindings" / "c" / "Cargo.toml").exists():
            raise RuntimeError("building needs cargo and the whole repository: install a wheel")
        target = Path(os.environ.get("CARGO_TARGET_DIR", workspace / "target"))
        command = [cargo, "build", "--locked", "--release", "--package", "otp-engine-c"]
        subprocess.run(command, cwd=workspace, check=True)
        name = NAMES.get(sys.platform, "libotp_engine.so")
        built = here / "src" / "otp_engine" / name
        shutil.copyfile(target / "release" / name, built)
        build_data["pure_python"] = False
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"
        build_data["artifacts"].append(f"src/otp_engine/{name}")
