"""Requires that the folder holds one sdist with all that the library was made of, and no more.

Its arguments are the folder, what cargo wrote of the files that the library was made of, and the
repository.
"""

import glob
import re
import sys
import tarfile
from pathlib import Path

folder, told, repository = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]).resolve()
sdists = glob.glob(folder + "/otp_engine-*.tar.gz")
assert len(sdists) == 1, sdists
archive = tarfile.open(sdists[0])  # noqa: SIM115 (until the end)
assert all(member.isfile() for member in archive), "a link, which would lead nowhere"
root = Path(sdists[0]).name.removesuffix(".tar.gz")
names = {name.removeprefix(root + "/") for name in archive.getnames()}


def text(name: str) -> str:
    """Return a file of the sdist."""
    member = archive.extractfile(f"{root}/{name}")
    assert member is not None, name
    return member.read().decode()


def locked(lock: str) -> set[str]:
    """Return the packages of a lock: each with its version, source and check sum."""
    return {block.split("dependencies")[0].strip() for block in lock.split("[[package]]")[1:]}


lines = [line for line in told.read_text().splitlines() if "libotp_engine." in line]
assert len(lines) == 1, lines
made_of = [Path(name).resolve() for name in lines[0].split(": ")[1].split()]
inside = {f"rust/{path.relative_to(repository)}" for path in made_of if repository in path.parents}
assert "rust/bindings/c/src/lib.rs" in inside and len(inside) > 100, inside
assert inside <= names, inside - names
foreign = [name for name in names if re.match(r"rust/(xtask|tests|services|fuzz|target)/", name)]
assert not foreign, foreign
assert "rust/include/otp_engine.h" in names, names
for name in ("LICENSE-APACHE", "LICENSE-MIT"):
    assert text(name) == text(f"rust/{name}") == (repository / name).read_text(), name
packages = locked(text("rust/Cargo.lock"))
assert packages, "an empty lock"
others = packages - locked((repository / "Cargo.lock").read_text())
assert not others, others
