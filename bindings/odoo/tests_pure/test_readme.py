"""README.rst says what its fragments say, which are what the community's index of addons reads."""

from pathlib import Path

ADDON = Path(__file__).parents[1] / "esms_otp"
SECTIONS = {
    "INSTALL": "Installation",
    "CONFIGURE": "Configuration",
    "USAGE": "Operation",
    "CONTRIBUTORS": "Contributors",
}
HEAD = "========\neSMS OTP\n========\n"
LICENCE = """Licence
=======

LGPL-3; the package ``otp-engine`` itself is MIT or Apache-2.0.
"""


def test_the_readme_is_its_fragments_put_together():
    """In the order of the community's generator, which is in no registry of packages."""
    fragments = {path.stem: path.read_text() for path in (ADDON / "readme").iterdir()}
    assert set(fragments) == {"DESCRIPTION", *SECTIONS}
    parts = [HEAD, fragments["DESCRIPTION"]]
    for name, title in SECTIONS.items():
        parts.append(f"{title}\n{'=' * len(title)}\n\n{fragments[name]}")
    assert (ADDON / "README.rst").read_text() == "\n".join([*parts, LICENCE])
