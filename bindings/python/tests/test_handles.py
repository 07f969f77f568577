"""What holds an address, a secret or a code is never copied, pickled or serialised."""

import copy
import dataclasses
import json
import multiprocessing
import pickle
import sys
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from support import SEED, DictStore, binding, engine, issue, key_ring, signer

import otp_engine as otp
from otp_engine import _bindings as c
from otp_engine._lib import sized, view
from otp_engine.devices import _devices
from otp_engine.esms import contract

SECRET = b"12345678901234567890"
URI = "otpauth://totp/ACME:ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=ACME"


def message() -> otp.Message:
    return otp.MessageTemplate("Code: #otp#").compose("482913")


HOLDERS: dict[str, tuple[Callable[[], Any], str]] = {
    "Engine": (engine, "make an engine"),
    "KeyRing": (key_ring, "pass the secrets"),
    "SigningKey": (signer, "PEM"),
    "MemoryStore": (otp.MemoryStore, "threads share"),
    "DictStore": (DictStore, "make a store"),
    "Hotp": (lambda: otp.Hotp(SECRET), "pass its secret"),
    "Totp": (lambda: otp.Totp(SECRET), "pass its secret"),
    "Ocra": (lambda: otp.Ocra("OCRA-1:HOTP-SHA1-6:QN08", SECRET), "pass its secret"),
    "Credential": (lambda: otp.parse_uri(URI), "pass its URI"),
    "Issued": (lambda: issue(engine(), otp.MemoryStore(), binding()), "code and recipient"),
    "Message": (message, "pass its text"),
    "Submission": (lambda: otp.Submission(binding(), "482913"), "make another one"),
}
COPIES: dict[str, Callable[[Any], object]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "deepcopy of a holder": lambda held: copy.deepcopy({"held": [held]}),
    "getstate": lambda held: held.__getstate__(),
    **{
        f"pickle {protocol}": lambda held, protocol=protocol: pickle.dumps(held, protocol)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}


@dataclasses.dataclass
class Holder:
    """What a host keeps things in."""

    held: Any


def refuses_copies(name: str, held: object, instead: str) -> None:
    for way, copied in COPIES.items():
        with pytest.raises(TypeError, match=f"{name} cannot be copied or pickled: .*{instead}"):
            copied(held)
            raise AssertionError(way)
    with pytest.raises(TypeError, match=name):
        dataclasses.asdict(Holder(held))
    with pytest.raises(TypeError):
        json.dumps(held)


@pytest.mark.parametrize("name", HOLDERS)
def test_case_280_nothing_with_an_address_or_a_code_is_copied(name: str) -> None:
    make, instead = HOLDERS[name]
    held = make()
    refuses_copies(name, held, instead)


def asked() -> contract.VerifyRequest:
    return contract.parse_verify({"model": "m", "field": "f", "id": 1, "otp": "482913"}, {})


OTHERS: dict[str, tuple[Callable[[], Any], str]] = {
    "VerifyRequest": (asked, "parse them"),
    "Device": (lambda: otp.Device(otp.Totp(SECRET), pin="98761"), "make a Device"),
    "RawSecret": (lambda: otp.RawSecret(SECRET), "pass the secret"),
    "EsmsGateway": (lambda: gateway().EsmsGateway("https://g", "u", "pass", 5), "make a gateway"),
}


def gateway() -> Any:
    return pytest.importorskip("otp_engine.esms.gateway.esms")


@pytest.mark.parametrize("name", OTHERS)
def test_case_643_nothing_else_with_a_code_or_a_secret_is_copied(name: str) -> None:
    make, instead = OTHERS[name]
    held = make()
    refuses_copies(name, held, instead)
    for of_a_dataclass in (dataclasses.asdict, dataclasses.astuple, dataclasses.replace):
        with pytest.raises(TypeError):
            of_a_dataclass(held)
    assert not dataclasses.is_dataclass(held)
    shown = f"{held!r}{held}{[held]}"
    assert not [text for text in ("482913", "98761", "pass'", "1234567890") if text in shown]


def test_case_280_neither_is_an_address_itself_nor_what_is_behind_it() -> None:
    totp = otp.Totp(SECRET)
    with pytest.raises(TypeError, match="cannot be copied"):
        copy.deepcopy(totp._handle)
    with pytest.raises(TypeError, match="cannot be copied"):
        copy.deepcopy(vars(totp))
    with pytest.raises(TypeError, match=r"SqliteStore .*pass its path"):
        pickle.dumps(otp.SqliteStore.__new__(otp.SqliteStore))


def show(totp: otp.Totp) -> None:
    raise AssertionError(totp.generate(0))


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_case_281_a_process_gets_no_address(method: str) -> None:
    context: Any = multiprocessing.get_context(method)
    child = context.Process(target=show, args=(otp.Totp(SECRET),))
    with pytest.raises(TypeError, match="Totp cannot be copied or pickled: pass its secret"):
        child.start()


def secret_of(secret: bytes, answers: Any) -> None:
    answers.put(otp.Totp(secret).generate(59))


def test_case_281_a_process_makes_its_own() -> None:
    context: Any = multiprocessing.get_context("spawn")
    answers = context.Queue()
    child = context.Process(target=secret_of, args=(SECRET, answers))
    child.start()
    assert answers.get(timeout=120) == otp.Totp(SECRET).generate(59)
    child.join(120)
    assert child.exitcode == 0


class Remade(otp.HostStore):
    """A host store that says by itself how it is made again."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def __reduce__(self) -> Any:
        return Remade, (self.name,)


def test_a_host_store_may_say_how_it_is_made_in_another_process() -> None:
    made = pickle.loads(pickle.dumps(Remade("cells")))
    assert made.name == "cells" and made._handle.address


def test_values_are_copied_as_values() -> None:
    """What a host sends to another process: no address is in it."""
    maker, store, to = engine(signing_key=signer()), otp.MemoryStore(keep_records=True), binding()
    code = issue(maker, store, to).code
    verdict = maker.verify(store, to, code)
    refused = maker.issue(store, to)
    values: list[Any] = [
        to, verdict, verdict.record, maker.verify(store, to, code), refused, otp.Policy(digits=8),
        otp.RateLimits(user_sends_per_hour=3), maker.status(store, to), maker.odds(),
        otp.Evidence(signer_name="Siti"), otp.Expected(tenant="acme"),
        otp.Write(bytes(32), 1, 0, None, b"body"), otp.Cell(1, None, b"body"),
    ]  # fmt: skip
    for value in values:
        assert copy.deepcopy(value) == value == pickle.loads(pickle.dumps(value)), value
        assert type(copy.copy(value)) is type(value)
    assert SEED not in pickle.dumps(values)


def test_a_binding_from_elsewhere_is_checked_like_any_other() -> None:
    kind, (made, members) = binding().__reduce__()
    assert members == binding().__getstate__()
    used = binding()
    issue(engine(), otp.MemoryStore(), used)
    assert used.__getstate__() == members  # neither handle nor address
    with pytest.raises(ValueError, match="tenant"):
        kind(made, {**members, "tenant": ""})


def test_errors_cross_to_another_process_with_what_they_say() -> None:
    for error in (otp.UnavailableError("down"), otp.StoreError("lost", 12), otp.ClockError("no")):
        there = pickle.loads(pickle.dumps(error))
        assert type(there) is type(error) and str(there) == str(error)
        assert (there.status, there.unknown) == (error.status, error.unknown)


def test_views_and_pointers_keep_what_they_lead_to() -> None:
    """A call holds the structures that it passes; what lies behind must be held by these."""
    text = bytes(bytearray(b"of no literal"))
    alone = sys.getrefcount(text)
    target = c.otp_target(view(b"model"), view(text), view(b"15"))
    request = sized(c.otp_erase_request, tenant=view(text), target=target)
    expected = sized(c.otp_expected)
    expected.target.model = view(text)
    del target
    assert sys.getrefcount(text) == alone + 3
    del request, expected
    assert sys.getrefcount(text) == alone

    key = otp.Hotp(SECRET)
    pointers = _devices([key])
    behind = weakref.ref(key._handle)
    key.close()
    assert behind() is not None
    del pointers
    assert behind() is None
