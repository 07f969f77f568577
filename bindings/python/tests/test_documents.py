"""The programs of README and guide run as they stand there."""

import re
import subprocess
import sys

import pytest
from support import REPOSITORY

RUN = {  # and what each prints last
    "README.md": "signed",
    "docs/getting-started.md": "not accepted: invalid\nsigned",
    "docs/policies.md": "Odds(",
}


@pytest.mark.parametrize("name", RUN)
def test_the_program_of_a_document_runs(name: str) -> None:
    blocks = re.findall(
        r"^```python\n(.*?)^```", (REPOSITORY / name).read_text(), re.DOTALL | re.MULTILINE
    )
    assert blocks
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert RUN[name] in done.stdout
