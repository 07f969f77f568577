"""engine.py: an engine for each process, from files alone, and nothing told of them."""

import base64
import json
import os
import stat
import subprocess
import sys
import threading

import engine
import make_keys
import otp_engine as otp
import pytest
from otp_engine.esms.events import hearing

BINDING = {
    "tenant": "t",
    "purpose": engine.PURPOSE,
    "target": otp.Target("loan.application", "f", "1"),
    "user": "7",
    "mobile": "60123456789",
}


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    keys, signing_key = make_keys.make_keys(tmp_path / "keys")
    monkeypatch.setenv(engine.KEYS_FILE, str(keys))
    monkeypatch.setenv(engine.SIGNING_KEY_FILE, str(signing_key))
    engine.forget()
    yield keys, signing_key
    engine.forget()


def test_importing_reads_no_file_and_makes_no_engine():
    done = subprocess.run(
        [sys.executable, "-c", "import engine; print(engine._made)"],
        cwd=os.path.dirname(engine.__file__),
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "None\n"


def test_a_process_has_one_engine_and_a_child_another():
    made = engine.engine()
    assert engine.engine() is made
    store, binding = otp.MemoryStore(keep_records=True), otp.Binding(**BINDING)
    with pytest.raises(otp.ForkedError):
        in_child(lambda: made.status(store, binding))
    assert in_child(lambda: engine.engine() is not made and issues())
    assert engine.engine() is made


def in_child(question):
    """Answer a question in a forked child; raise here what it raises there."""
    child = os.fork()
    if not child:
        try:
            code = 0 if question() else 1
        except otp.ForkedError:
            code = 2
        except BaseException:
            code = 3
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == 2:
        raise otp.ForkedError("in the child")
    assert code in (0, 1)
    return code == 0


def issues():
    store = otp.MemoryStore(keep_records=True)
    return bool(engine.engine().issue(store, otp.Binding(**BINDING)))


def test_a_thread_hears_its_own_events_alone():
    started, done, told = threading.Event(), threading.Event(), []

    def other():
        started.wait(60)
        issues()  # with nobody who hears
        with hearing() as events:
            issues()
        told.extend(events)
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with hearing() as events:
        started.set()
        assert done.wait(60)
        assert events == []
        issues()
        with hearing() as inner:
            issues()
        issues()
    thread.join()
    assert [len(events), len(inner), len(told)] == [2, 1, 1]


def test_keys_that_signed_before_are_public_beside_that_of_today(monkeypatch, tmp_path):
    retired, file = otp.SigningKey.from_seed(bytes([1]) * 32), tmp_path / "retired.jwks"
    [today] = json.loads(engine.public_jwks())["keys"]
    file.write_text(retired.public_jwks)
    monkeypatch.setenv(engine.RETIRED_KEYS_FILE, str(file))
    engine.forget()
    [before] = json.loads(retired.public_jwks)["keys"]
    assert json.loads(engine.public_jwks())["keys"] == [today, before]
    assert engine.public_pems()[before["kid"]] == retired.public_pem
    assert list(engine.public_pems()) == [today["kid"], before["kid"]]
    file.write_text("no keys")
    with pytest.raises(engine.NotConfigured, match=f"^{engine.RETIRED_KEYS_FILE} is no set"):
        engine.check_files()
    file.unlink()
    with pytest.raises(engine.NotConfigured, match=engine.RETIRED_KEYS_FILE):
        engine.check_files()


def test_a_key_of_another_kind_is_named_and_how_to_make_the_right_one(files):
    _, signing_key = files
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "RSA", "-out", signing_key],
        check=True,
        capture_output=True,
    )
    engine.forget()
    said = f"^{engine.SIGNING_KEY_FILE} names no key that signs: an RSA key, .*openssl genpkey"
    with pytest.raises(engine.NotConfigured, match=said):
        engine.check_files()


@pytest.mark.parametrize("variable", [engine.KEYS_FILE, engine.SIGNING_KEY_FILE])
@pytest.mark.parametrize("value", ["", "/nonexistent/file"])
def test_what_is_missing_is_named(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    with pytest.raises(engine.NotConfigured, match=variable):
        engine.engine()


def test_bad_files_are_named_and_nothing_in_them_is_told(files):
    keys, signing_key = files
    good = json.loads(keys.read_text())
    secret = next(iter(good["codes"].values()))
    for text in (
        "",
        "[]",
        f'{{"codes": "{secret}',
        json.dumps({**good, "codes": {"k": base64.b64encode(b"short").decode()}}),
        json.dumps({**good, "codes": {"k": secret + "!"}}),
        json.dumps({**good, "index": secret}),
        json.dumps({**good, "current": "unknown"}),
    ):
        keys.write_text(text)
        with pytest.raises(engine.NotConfigured) as raised:
            engine.engine()
        told = str(raised.value) + str(raised.value.__cause__)
        assert engine.KEYS_FILE in told
        assert secret not in told and "short" not in told
    keys.write_text(json.dumps(good))
    signing_key.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with pytest.raises(engine.NotConfigured, match=engine.SIGNING_KEY_FILE):
        engine.engine()


def test_an_engine_that_could_not_be_made_is_made_later(files, monkeypatch):
    keys, _ = files
    monkeypatch.setenv(engine.KEYS_FILE, "/nonexistent/file")
    with pytest.raises(engine.NotConfigured):
        engine.engine()
    monkeypatch.setenv(engine.KEYS_FILE, str(keys))
    assert issues()


def test_case_200_other_keys_on_a_database_in_use_are_named_with_what_to_do(files, tmp_path):
    keys, _ = files
    store, opened = otp.MemoryStore(keep_records=True), object()
    engine.check_keys(store, "bank", opened)
    engine.check_keys(store, "bank", opened)
    own = keys.read_text()
    other, _ = make_keys.make_keys(tmp_path / "other")
    keys.write_text(other.read_text())
    engine.forget()
    for _ in range(2):  # what failed is not taken for checked
        with pytest.raises(engine.NotConfigured) as raised:
            engine.check_keys(store, "bank", opened)
        told = str(raised.value)
        assert engine.KEYS_FILE in told and "'bank'" in told and "_begin_store()" in told
    keys.write_text(own)
    engine.forget()
    engine.check_keys(store, "bank", opened)


def test_case_201_cells_from_before_the_mark_are_named_with_what_to_do(files):
    store, opened = otp.MemoryStore(keep_records=True), object()
    assert engine.engine().issue(store, otp.Binding(**BINDING))
    with pytest.raises(engine.NotConfigured, match=r"_adopt_store\(\).*_begin_store\(\)"):
        engine.check_keys(store, "bank", opened)
    assert engine.engine().adopt_store(store).keys == "begun"
    engine.check_keys(store, "bank", opened)


def test_a_database_is_checked_once_for_each_opening(files):
    del files
    store, opened = otp.MemoryStore(keep_records=True), object()
    engine.check_keys(store, "bank", opened)
    store.close()
    engine.check_keys(store, "bank", opened)  # not asked again
    with pytest.raises(ValueError, match="closed"):
        engine.check_keys(store, "bank", object())  # it was restored: another opening


def test_keys_are_the_owners_alone_and_never_overwritten(files, tmp_path):
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = [path.read_bytes() for path in files]
    with pytest.raises(FileExistsError):
        make_keys.make_keys(tmp_path / "keys")
    assert [path.read_bytes() for path in files] == before
    program = [sys.executable, make_keys.__file__, str(tmp_path / "keys")]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "exists already" in done.stderr


def test_retired_secrets_and_the_epoch_are_read(files):
    keys, _ = files
    store, binding = otp.MemoryStore(keep_records=True), otp.Binding(**BINDING)
    issued = engine.engine().issue(store, binding)
    read = json.loads(keys.read_text())
    [old] = read["codes"]
    read["codes"]["new"] = base64.b64encode(bytes(range(32))).decode()
    read |= {"current": "new", "retired": {old: int(issued.issued_at.timestamp()) + 1}}
    keys.write_text(json.dumps(read))
    engine.forget()
    assert engine.engine().status(store, binding).state == "pending"
    keys.write_text(json.dumps({**read, "epoch": 1}))
    engine.forget()
    assert not engine.engine().verify(store, binding, issued.code)
    keys.write_text(json.dumps(read))
    engine.forget()
    assert engine.engine().verify(store, binding, issued.code)
