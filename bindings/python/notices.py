"""Prints the licences of the crates that the library is built of, and their texts.

Its argument is the folder of the workspace. A text that several crates have is printed once. What
their packages leave out, as SPDX names it: texts are in LICENSE-MIT and LICENSE-APACHE.
"""

import json
import subprocess
import sys
from pathlib import Path

LIBRARY = "otp-engine-c"
TEXTS = ("LICEN[CS]E*", "COPYING*", "NOTICE*", "COPYRIGHT*")


def main(workspace: str) -> None:
    """Print them."""
    command = ["cargo", "metadata", "--locked", "--format-version=1"]
    told = subprocess.run(command, cwd=workspace, check=True, stdout=subprocess.PIPE).stdout
    graph = json.loads(told)
    crates = {crate["id"]: crate for crate in graph["packages"]}
    needs = {node["id"]: node["deps"] for node in graph["resolve"]["nodes"]}
    found = [key for key, crate in crates.items() if crate["name"] == LIBRARY]
    for key in found:
        for need in needs[key]:
            # What only runs at build time, macros apart, leaves nothing in the library.
            if any(kind["kind"] is None for kind in need["dep_kinds"]) and need["pkg"] not in found:
                found.append(need["pkg"])
    texts: dict[str, list[str]] = {}
    for key in sorted(found):
        crate = crates[key]
        name = f"{crate['name']} {crate['version']}"
        if crate["source"] is not None:
            print(f"{name}: {crate['license']}")
        folder = Path(crate["manifest_path"]).parent
        for path in sorted(path for text in TEXTS for path in folder.glob(text)):
            texts.setdefault(path.read_text().strip(), []).append(name)
    for text, names in texts.items():
        print(f"\n{'-' * 72}\n{', '.join(names)}\n\n{text}")


main(sys.argv[1])
