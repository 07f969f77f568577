"""Requires that the folder holds one wheel, for any Python 3 on this platform, and whole."""

import glob
import sys
import zipfile

wheels = glob.glob(sys.argv[1] + "/otp_engine-*.whl")
assert len(wheels) == 1, wheels
python, abi, platform = wheels[0][:-4].split("-")[-3:]
assert (python, abi) == ("py3", "none") and platform != "any", wheels
names = zipfile.ZipFile(wheels[0]).namelist()
assert "otp_engine/py.typed" in names, names
libraries = [n for n in names if n.endswith((".so", ".dylib", ".dll"))]
assert len(libraries) == 1 and libraries[0].startswith("otp_engine/"), names
assert not [n for n in names if "tests" in n], names
assert {
    "otp_engine/esms/flow.py",
    "otp_engine/esms/gateway/esms.py",
    "otp_engine/stores/lua/commit.lua",
    "otp_engine/stores/sql/commit.sql",
} <= {*names}, names
for text in ("LICENSE-APACHE", "LICENSE-MIT"):
    assert [n for n in names if n.endswith(f".dist-info/licenses/{text}")], names
notices = zipfile.ZipFile(wheels[0]).read(next(n for n in names if n.endswith("/NOTICES.txt")))
assert all(crate in notices for crate in (b"sha2 0", b"rusqlite 0", b"curve25519-dalek 5")), wheels
about = zipfile.ZipFile(wheels[0]).read(next(n for n in names if n.endswith("/METADATA"))).decode()
needed = [line for line in about.splitlines() if line.startswith("Requires-Dist:")]
assert needed and all("extra ==" in line for line in needed), needed
