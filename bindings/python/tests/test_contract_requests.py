"""Requests, row by row: what the contract takes, and what is a 400 that names the parameter."""

import base64
import urllib.parse

import pytest
from werkzeug.datastructures import MultiDict

from otp_engine.esms import contract

WHERE = {"model": "loan.application", "field": "client_schedule_esms_otp_signature_ids", "id": 15}
VERIFY = {**WHERE, "otp": "012345"}
PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
GENERATION = "gen_6RA0A5PMRNHQZZG2AD16ZE75F9"


def refused(parse, params, query=None):
    """Return the text of the 400."""
    with pytest.raises(contract.Bad) as bad:
        parse(params, query or {})
    assert bad.value.result == {"status": 400, "message": str(bad.value)}
    return str(bad.value)


def test_the_example_of_the_api_page_is_read_as_printed():
    """Body and query say the same, as its curl line does."""
    asked = contract.parse_send(
        {**WHERE, "redirect_url": "/my/home"},
        {**{name: str(value) for name, value in WHERE.items()}, "redirect_url": "/my/home"},
    )
    assert asked == contract.SendRequest(*WHERE.values(), "/my/home")


def test_the_query_alone_is_enough():
    """The same four may stand in the URL."""
    query = MultiDict({**WHERE, "id": "15", "redirect_url": "/my/home"})
    assert contract.parse_send({}, query) == contract.SendRequest(*WHERE.values(), "/my/home")


@pytest.mark.parametrize("name", ["model", "field", "id"])
@pytest.mark.parametrize("absent", [None, False, "", "not there"])
@pytest.mark.parametrize("parse", [contract.parse_send, contract.parse_verify, contract.parse_get])
def test_what_is_missing_is_named(parse, name, absent):
    """Each of the three, for each of the routes."""
    params = {**VERIFY, name: absent}
    if absent == "not there":
        del params[name]
    assert refused(parse, params) == f"{name} is missing"


@pytest.mark.parametrize("params", [None, [1, 2], "text", 7])
def test_params_must_be_an_object(params):
    """JSON has other values."""
    assert refused(contract.parse_get, params) == "params must be an object"


def test_unknown_members_are_ignored():
    """Odoo's own clients send a context."""
    asked = contract.parse_get({**WHERE, "context": {"lang": "ms_MY"}, "mobile": "60111111111"}, {})
    assert asked == contract.GetRequest(*WHERE.values())


@pytest.mark.parametrize(
    ("name", "other"), [("model", "sale.order"), ("field", "name"), ("id", "16")]
)
@pytest.mark.parametrize("parse", [contract.parse_send, contract.parse_verify, contract.parse_get])
def test_body_and_query_must_agree(parse, name, other):
    """After casting: 15 and "15" are one id."""
    assert parse(VERIFY, {name: str(VERIFY[name])})
    assert name in refused(parse, VERIFY, {name: other})


def test_redirect_urls_must_agree():
    """The fourth, of Send alone."""
    params = {**WHERE, "redirect_url": "/my/home"}
    assert "redirect_url" in refused(contract.parse_send, params, {"redirect_url": "/my"})


def test_a_query_that_says_two_things_is_refused():
    """Werkzeug would hand out the first and drop the second."""
    for again in ("15", "16"):
        twice = MultiDict([("id", "15"), ("id", again)])
        assert refused(contract.parse_get, WHERE, twice) == "id stands twice in the query"


def query_of(framework, text):
    """Return what a framework makes of a query."""
    if framework == "starlette":
        return pytest.importorskip("starlette.datastructures").QueryParams(text)
    if framework == "django":
        of_lists = pytest.importorskip("django.utils.datastructures").MultiValueDict
        return of_lists(urllib.parse.parse_qs(text))
    if framework == "aiohttp":
        return OfAiohttp(urllib.parse.parse_qs(text))
    return MultiDict(urllib.parse.parse_qsl(text))


class OfAiohttp(dict):
    """The first value by name, and all by the name that aiohttp and WebOb have for it."""

    def get(self, name, default=None):
        """Return the first."""
        return self[name][0] if name in self else default

    def getall(self, name):
        """Return all of them."""
        return self[name]


@pytest.mark.parametrize("framework", ["werkzeug", "starlette", "django", "aiohttp"])
def test_case_641_a_query_that_says_two_things_is_refused_in_each_framework(framework):
    """Starlette's mapping has the last one, and calls its lists by other names."""
    where = "model=m&field=f"
    for parse in (contract.parse_send, contract.parse_get):
        assert parse({}, query_of(framework, f"{where}&id=15")).id == 15
        for again in ("15", "16"):
            twice = query_of(framework, f"{where}&id=15&id={again}")
            assert refused(parse, {}, twice) == "id stands twice in the query"
        twice = query_of(framework, f"{where}&id=15&utm=1&utm=1")
        assert refused(parse, {}, twice) == "utm stands twice in the query"
    twice = query_of(framework, f"{where}&id=15&id=16")
    assert refused(contract.parse_verify, VERIFY, twice) == "id stands twice in the query"


def test_case_646_symbols_that_only_look_like_others_are_refused():
    """A long s, which ``upper`` makes an S, and the letters that no case tells apart."""
    for other in ("\u017f", "\u0131", "\u212a"):
        named = f"gen_01ARZ3NDEKT{other}V4RRFFQ69G5FAV"
        said = refused(contract.parse_verify, {**VERIFY, "esms_otp_generation_id": named})
        assert said == "esms_otp_generation_id must be gen_ and 26 base32 characters"
    image = base64.b64encode(PNG).decode()
    for prefix in ("data:image/png;ba\u017fe64,", "data:\u0131mage/png;base64,"):
        said = refused(contract.parse_verify, {**VERIFY, "signature": prefix + image})
        assert said == "signature must be base64"
    fine = contract.parse_verify({**VERIFY, "signature": "DATA:image/PNG;base64," + image}, {})
    assert fine.signature == PNG


def test_case_252_a_body_that_says_two_things_is_refused():
    """Python's reader takes the last of two members without a word."""
    for twice, name in (
        ('{"params": {"id": 1010, "id": 15}}', "id"),
        ('{"params": {"a": [{"b": 1, "b": 1}]}}', "b"),
        ('{"params": {}, "params": {}}', "params"),
        ('{"a\\nb": 1, "a\\nb": 2}', "a member"),
    ):
        for body in (twice, twice.encode()):
            with pytest.raises(contract.Bad, match=f"^{name} stands twice in the body$"):
                contract.check_body(body)
    # More digits than Python reads are no JSON to it, and its own reader's to say.
    many = f'{{"id": {"9" * 5000}}}'
    for fine in ('{"id": 1, "params": {"id": 2}}', "", "no json", b"\xff", "[" * 10**5, many):
        contract.check_body(fine)


@pytest.mark.parametrize("good", [1, 15, 2**31 - 1, "1", "2147483647", "015"])
def test_ids(good):
    """An id of Odoo fits four bytes."""
    assert contract.parse_get({**WHERE, "id": good}, {}).id == int(good)


@pytest.mark.parametrize(
    "bad",
    [
        0,
        -1,
        2**31,
        True,
        15.0,
        "0",
        "-1",
        "2147483648",
        "15 ",
        "+15",
        "1e3",
        "0x0f",
        "\uff11\uff15",
        [15],
        {},
    ],
)
def test_what_is_no_id(bad):
    """True is 1 to Python, and a float is no id."""
    said = refused(contract.parse_get, {**WHERE, "id": bad})
    assert said == "id must be a whole number from 1 to 2147483647"


@pytest.mark.parametrize("name", ["model", "field"])
def test_names_have_a_bound(name):
    """Both sides of it."""
    assert contract.parse_get({**WHERE, name: "x" * 128}, {})
    assert "at most 128" in refused(contract.parse_get, {**WHERE, name: "x" * 129})


@pytest.mark.parametrize("name", ["model", "field"])
@pytest.mark.parametrize("bad", ["a b", "a\0", "a-b", "naïve", "\ud800", "a\n"])
def test_names_have_no_odd_characters(name, bad):
    """A NUL or a lone surrogate would be an error of the database."""
    assert name in refused(contract.parse_get, {**WHERE, name: bad})


@pytest.mark.parametrize("name", ["model", "field"])
@pytest.mark.parametrize("bad", [7, True, ["x"], {"a": 1}])
def test_names_are_strings(name, bad):
    """Nothing is turned into text."""
    assert refused(contract.parse_get, {**WHERE, name: bad}) == f"{name} must be a string"


@pytest.mark.parametrize("good", ["/", "/my/home", "/my?x=1&y=%20#top", "/a//b", "/" + "x" * 2047])
def test_local_paths(good):
    """What stays on this host."""
    assert contract.parse_send({**WHERE, "redirect_url": good}, {}).redirect_url == good


@pytest.mark.parametrize(
    "bad",
    [
        "//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)",
        "my/home", "\t/my", "/\t/evil.example", "/\n/evil.example", "/my home", "/a\\b", "/é",
        "/\x7f", "/" + "x" * 2048, 7, True, ["/my"], "\ud800",
    ],
)  # fmt: skip
def test_what_is_no_local_path(bad):
    """A browser drops tabs and line breaks, and takes a backslash for a slash."""
    assert "redirect_url" in refused(contract.parse_send, {**WHERE, "redirect_url": bad})
    if isinstance(bad, str):
        assert "redirect_url" in refused(contract.parse_send, WHERE, {"redirect_url": bad})


@pytest.mark.parametrize("absent", [None, False, ""])
def test_a_redirect_is_optional(absent):
    """Odoo's clients write False for what is not there."""
    assert contract.parse_send({**WHERE, "redirect_url": absent}, {}).redirect_url is None


def test_an_otp_is_taken_as_it_was_typed():
    """Leading zeros, spaces and foreign digits are the engine's to read."""
    for typed in ("012345", "12 34-56", "٠١٢٣٤٥", "\ud800", "x" * 5000):
        assert contract.parse_verify({**WHERE, "otp": typed}, {}).otp == typed


@pytest.mark.parametrize("bad", [12345, 0, True, False, 1.5, ["012345"], {}])
def test_an_otp_is_a_string(bad):
    """A number has lost its leading zeros."""
    assert refused(contract.parse_verify, {**WHERE, "otp": bad}) == "otp must be a string"


@pytest.mark.parametrize("absent", [None, ""])
def test_an_otp_is_needed(absent):
    """Without one there is nothing to verify."""
    assert refused(contract.parse_verify, {**WHERE, "otp": absent}) == "otp is missing"


def test_an_otp_in_the_query_is_refused():
    """The URL stands in access logs, so it is refused beside a right body too."""
    for params in (VERIFY, WHERE):
        assert "never in the query" in refused(contract.parse_verify, params, {"otp": "012345"})


def test_generation_ids():
    """The engine reads either case; absent is any code of this binding."""
    for given in (GENERATION, "gen_" + GENERATION[4:].lower()):
        asked = contract.parse_verify({**VERIFY, "esms_otp_generation_id": given}, {})
        assert (asked.generation_id, asked.challenge_id) == (GENERATION, GENERATION[4:])
    for absent in (None, False, ""):
        asked = contract.parse_verify({**VERIFY, "esms_otp_generation_id": absent}, {})
        assert (asked.generation_id, asked.challenge_id) == (None, None)


@pytest.mark.parametrize(
    "bad",
    [
        GENERATION[:-1], GENERATION + "0", GENERATION[4:], "GEN_" + GENERATION[4:], "gen_839210",
        "gen_8" + GENERATION[5:], GENERATION[:-1] + "U", GENERATION + "\n", 839210, True, ["gen_"],
    ],
)  # fmt: skip
def test_what_is_no_generation_id(bad):
    """The engine would raise on what it cannot have made."""
    params = {**VERIFY, "esms_otp_generation_id": bad}
    assert "esms_otp_generation_id" in refused(contract.parse_verify, params)


def image(size, magic=PNG):
    """Return base64 of something of this size that begins like an image."""
    return base64.b64encode(magic.ljust(size, b"x")).decode()


@pytest.mark.parametrize("magic", [PNG, JPEG])
@pytest.mark.parametrize(
    "prefix",
    [
        "", "data:image/png;base64,", "data:image/jpeg;base64,", "data:image/jpg;base64,",
        "DATA:IMAGE/PNG;BASE64,",
    ],
)  # fmt: skip
def test_signatures(magic, prefix):
    """PNG or JPEG, plain or as a data URL."""
    asked = contract.parse_verify({**VERIFY, "signature": prefix + image(99, magic)}, {})
    assert asked.signature == magic.ljust(99, b"x")


def test_a_signature_has_a_bound():
    """Both sides of one mebibyte decoded."""
    most = 2**20
    asked = contract.parse_verify({**VERIFY, "signature": image(most)}, {})
    assert len(asked.signature) == most
    for over in (most + 1, most + 2, most + 3, 20 * most):
        said = refused(contract.parse_verify, {**VERIFY, "signature": image(over)})
        assert said == "signature is too large; it must be at most 1048576 bytes decoded"


def test_a_signature_is_measured_before_it_is_decoded(monkeypatch):
    """Twenty megabytes are refused by their length; one that fits is decoded."""

    def decode(*_args, **_kwargs):
        raise AssertionError("decoded")

    monkeypatch.setattr(contract.base64, "b64decode", decode)
    assert "too large" in refused(contract.parse_verify, {**VERIFY, "signature": "A" * 2**24})
    with pytest.raises(AssertionError, match="decoded"):
        contract.parse_verify({**VERIFY, "signature": "A" * 8}, {})


def test_a_signature_may_have_line_breaks():
    """Encoders for mail break lines at 76, the largest image too."""
    for size in (100, 2**20):
        lined = base64.encodebytes(PNG.ljust(size, b"x")).decode()
        for text in (lined, lined.replace("\n", "\r\n")):
            asked = contract.parse_verify({**VERIFY, "signature": text}, {})
            assert len(asked.signature) == size


@pytest.mark.parametrize(
    "bad",
    [
        "AAAA", base64.b64encode(b"GIF89a").decode(), base64.b64encode(b"<svg/>").decode(),
        "data:image/svg+xml;base64,PHN2Zy8+", "not base64", image(99)[:-1], image(99) + "=",
        "data:image/png;base64,", "iVBORw0KGgo\ud800", "é", base64.b64encode(PNG[:-1]).decode(),
    ],
)  # fmt: skip
def test_what_is_no_signature(bad):
    """An SVG runs scripts where it is shown."""
    assert refused(contract.parse_verify, {**VERIFY, "signature": bad}).startswith("signature must")


@pytest.mark.parametrize("bad", [7, True, ["x"], {"a": 1}])
def test_a_signature_is_a_string(bad):
    """Nothing is turned into text."""
    assert refused(contract.parse_verify, {**VERIFY, "signature": bad}) == (
        "signature must be a string"
    )


def test_signer_names():
    """Stripped, and bounded in bytes as the engine bounds it."""
    for given, read in (
        ("  Siti Aminah ", "Siti Aminah"), ("x" * 256, "x" * 256), ("é" * 128, "é" * 128),
        ("  ", None), ("", None), (None, None), (False, None),
    ):  # fmt: skip
        assert contract.parse_verify({**VERIFY, "signer_name": given}, {}).signer_name == read


@pytest.mark.parametrize("bad", ["x" * 257, "é" * 129, "a\0b", "a\nb", "a\x7f", "\ud800", 7, True])
def test_what_is_no_signer_name(bad):
    """It goes into a signed record, and from there onto paper."""
    assert "signer_name" in refused(contract.parse_verify, {**VERIFY, "signer_name": bad})


def test_a_request_shows_no_secret():
    """Its repr may come into a log."""
    given = {**VERIFY, "signature": image(20), "signer_name": "Siti"}
    shown = repr(contract.parse_verify(given, {}))
    assert "loan.application" in shown
    assert not any(secret in shown for secret in ("012345", "PNG", "Siti"))


def test_a_400_shows_no_value():
    """What was typed must not come back, nor into a log."""
    for name in ("model", "field", "id", "signature", "signer_name", "esms_otp_generation_id"):
        assert "s3cret" not in refused(contract.parse_verify, {**VERIFY, name: "s3cret!\0\0"})
