"""The programs of README and docs under mypy --strict and pyright; and what these must see."""

import os
import pathlib
import re
import subprocess
import sys

import mypy
import pytest
from support import REPOSITORY

import otp_engine as otp

PACKAGE = pathlib.Path(otp.__file__).parents[1]
# The tools' own Python, which has the clients that the programs import.
TOOLS = pathlib.Path(mypy.__file__).parents[4] / "bin" / "python"
DOCUMENTS = [
    REPOSITORY / "README.md",
    REPOSITORY / "bindings" / "python" / "README.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
]
# What runs in Odoo alone, whose types no tool has.
FRAGMENT = "from odoo"


def programs() -> dict[str, str]:
    """Return the Python of each document: its blocks are one program, one behind the other."""
    found = {}
    for path in DOCUMENTS:
        blocks = re.findall(r"^```python\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE)
        told = [block for block in blocks if FRAGMENT not in block]
        if told:
            name = "_".join(path.relative_to(REPOSITORY).with_suffix("").parts).replace("-", "_")
            found[f"{name}.py"] = "\n".join(told)
    for path in sorted((REPOSITORY / "examples" / "python").glob("*.py")):
        found[path.name] = path.read_text()
    return found


def checked(tool: str, folder: pathlib.Path, *names: str) -> "subprocess.CompletedProcess[str]":
    """Run a tool over files of a folder."""
    (folder / "pyrightconfig.json").write_text(
        f'{{"extraPaths": ["{PACKAGE}"], "typeCheckingMode": "basic", '
        '"reportUnnecessaryComparison": "error", "reportMissingModuleSource": "none"}'
    )
    arguments = ["--pythonpath", str(TOOLS)]
    if tool == "mypy":
        arguments = ["--strict", "--follow-imports=silent", "--no-error-summary"]
        arguments += ["--cache-dir", str(folder / "cache")]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"MYPYPATH": str(PACKAGE), "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    return subprocess.run(
        [str(TOOLS), "-m", tool, *arguments, *names],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=900,
    )  # fmt: skip


@pytest.mark.parametrize("tool", ["mypy", "pyright"])
def test_case_298_every_program_of_the_documents_type_checks(
    tool: str, tmp_path: pathlib.Path
) -> None:
    found = programs()
    assert {"README.py", "bindings_python_README.py", "flask_back_end.py"} < found.keys()
    for name, text in found.items():
        (tmp_path / name).write_text(text)
    done = checked(tool, tmp_path, *found)
    assert done.returncode == 0, done.stdout + done.stderr


WRONG = """
import otp_engine as otp


def wrong(engine: otp.Engine, store: otp.Store, binding: otp.Binding, event: otp.Event) -> None:
    issued = engine.issue(store, binding)
    print(issued.code)  # planted: a refusal has none
    if not issued:
        print(issued.reason == "cool_down")  # planted
        return
    print(issued.code)
    verdict = engine.verify(store, binding, issued.code)
    print(verdict.rejection == "alredy_used")  # planted
    print(verdict.public == "wrong")  # planted
    for one in engine.verify_many(store, [otp.Submission(binding, "1")]):
        print(one.accepted)  # planted: a failure has no verdict
        if one:
            print(one.accepted)
    for other in engine.issue_many(store, [binding]):
        print(other.code)  # planted: neither has a refusal
        if other:
            print(other.code)
    otp.Policy(evidence=["selfie"])  # planted
    otp.Policy(resend="again")  # planted
    status = engine.status(store, binding)
    print(status is not None and status.state == "pendign")  # planted
    said = engine.report_delivery(store, binding, "", 1, delivered=True)
    print(said.outcome == "refundet")  # planted
    print(event.kind == "isued")  # planted
    claimed = engine.claim_send(store, binding, "", 1)
    print(claimed.code)  # planted: a refusal has none
    if not claimed:
        print(claimed.reason == "claimd")  # planted
    with otp.MemoryStore() as memory:
        print(memory.no_such_member)  # planted: what is entered is a MemoryStore
        print(memory.check())
"""


@pytest.mark.parametrize("tool", ["mypy", "pyright"])
def test_case_289_what_is_misspelt_or_not_looked_at_does_not_type_check(
    tool: str, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "wrong.py").write_text(WRONG)
    done = checked(tool, tmp_path, "wrong.py")
    found = {int(line) for line in re.findall(r"wrong\.py:(\d+):(?:\d+ - )? ?error", done.stdout)}
    wanted = {at for at, line in enumerate(WRONG.splitlines(), 1) if "# planted" in line}
    assert found == wanted and len(wanted) == 14, done.stdout + done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="the program names a path of Unix")
def test_case_298_the_first_program_of_the_read_me_runs(tmp_path: pathlib.Path) -> None:
    # That of the package; test_documents.py runs those of the repository's README and guide.
    block = re.findall(r"^```python\n(.*?)^```", DOCUMENTS[1].read_text(), re.DOTALL | re.M)[0]
    program = f"import sys; sys.path[:] = {sys.path!r}\n{block}"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0 and "SMS:" in done.stdout, done.stderr
    assert "signed at" in done.stdout
