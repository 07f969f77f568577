"""The verification page: what is good is called so, and what was changed is named."""

import base64
import hashlib
import io
import json
import re
from pathlib import Path

import pytest
import requests
from client import MODEL
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import expect
from pypdf import PdfReader, PdfWriter
from signing import judged, photograph, tab_to

PATH = "/esms_otp/verify"
VALID = "Valid: the signature is good, and everything that is here belongs to it."
VALID_ALL = "Valid: all signatures are good, and everything that is here belongs to them."
INVALID = "Not valid. This is wrong:"
INCOMPLETE = "Each signature is good, but records of the chain are not here:"
VECTORS = Path(__file__).parents[3] / "tests/vectors/records"


def shown(page, name):
    """Return a part of the page."""
    return page.locator(f"[data-part={name}]")


def verify(page, *files, document=(), text=""):
    """Choose files and a text, and press the button."""
    chosen = [{"name": name, "mimeType": "", "buffer": data} for name, data in files]
    page.get_by_label("Certificate (PDF)").set_input_files(chosen)
    page.get_by_label("The document that was signed").set_input_files(
        [{"name": name, "mimeType": "", "buffer": data} for name, data in document]
    )
    page.get_by_label("Or the text of a record").fill(text)
    page.get_by_role("button", name="Verify").click()
    expect(page.locator("main")).to_have_attribute("aria-busy", "false")
    return shown(page, "verdict")


@pytest.fixture
def signed(admin, borrower, gateway):
    """Return what is kept of a signature: its parts by name."""
    offer = admin.call("ir.model.data", "check_object_reference", "esms_otp_demo", "loan_offer")[1]
    admin.call(MODEL, "write", [borrower.record], {"document_id": offer})
    borrower.send()
    answer = borrower.verify(gateway.code(borrower.mobile), signer_name="Siti Aminah")
    assert answer["status"] == 200

    def part(name):
        url = f"{borrower.server.url}/my/esms_otp/signed/{answer['signature_id']}/{name}"
        return requests.get(url, cookies=borrower.cookies, timeout=120).content

    return {name: part(name) for name in ("record", "approved", "document")}


def changed(data, at):
    """Change one character, to another one of its kind."""
    other = b"A" if data[at : at + 1] != b"A" else b"B"
    return data[:at] + other + data[at + 1 :]


@pytest.mark.parametrize("screen", ["desktop", "phone"])
def test_case_487_a_good_record(open_page, signed, borrower, screen):
    """Who, what and when in words; by keyboard; and nothing leaves the browser."""
    page = open_page(None, screen, path=PATH)
    assert judged(page) == []
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_label("Certificate (PDF)").set_input_files(
        [
            {"name": f"{name}.bin", "mimeType": "", "buffer": signed[name]}
            for name in ("record", "approved", "document")
        ]
    )
    tab_to(page, "button")
    page.keyboard.press("Enter")
    expect(shown(page, "verdict")).to_have_text(VALID)
    expect(shown(page, "verdict")).to_be_focused()
    results = shown(page, "results")
    for said in ("Siti Aminah", f"{MODEL}, {borrower.record}", borrower.mobile, '"amount": 1000.0'):
        expect(results).to_contain_text(said)
    expect(results).to_contain_text("Yes: document.bin: The document is the one that was signed.")
    assert "No: " not in results.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it is too wide"
    assert judged(page) == []
    photograph(page, f"verify_{screen}_valid", colours=8)
    assert (asked, page.faults) == ([], [])

    page.reload()
    text = signed["record"].decode()
    expect(verify(page, text=text)).to_have_text(VALID)
    expect(verify(page, text=text.split("~")[0])).to_have_text(VALID)
    expect(shown(page, "results")).to_contain_text("not disclosed")
    lacking = "Not checked: What was approved is what was signed."
    expect(shown(page, "results")).to_contain_text(lacking)
    expect(verify(page, ("approved", signed["approved"]), text=text)).to_have_text(VALID)
    lacking = "Not checked: The document is the one that was signed."
    expect(shown(page, "results")).to_contain_text(lacking)
    assert page.faults == []


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("header", r"record\.bin: the record (is damaged\. \(header: |names a key)"),
        ("payload", r"record\.bin: the record (is damaged\. \(payload: |was changed after)"),
        ("signature", "record.bin: the record was changed after it was signed."),
        ("detail", "record.bin: a detail of a person was changed."),
        ("approved", "approved.bin: nothing ties this file to a record"),
        ("document", "document.bin: nothing ties this file to a record"),
    ],
)
def test_case_488_a_changed_byte_is_named(open_page, signed, part, words):
    """In each part, and no part that is good is blamed beside it, but for what a bad one names."""
    jws, *details = signed["record"].split(b"~")
    header, payload, _ = jws.split(b".")
    record = {
        "header": len(header) // 2,
        "payload": len(header) + len(payload) // 2,
        "signature": len(jws) - 20,
        "detail": len(jws) + 1 + len(details[0]) // 2,
    }
    name = "record" if part in record else part
    given = dict(signed)
    given[name] = changed(given[name], record.get(part, len(given[name]) // 2))
    page = open_page(None, path=PATH)
    verdict = verify(page, *[(f"{name}.bin", data) for name, data in given.items()])
    expect(verdict).to_contain_text(re.compile(words))
    wrong = verdict.locator("li").all_inner_texts()
    blamed = {line.split(":")[0] for line in wrong}
    also = {"approved.bin", "document.bin"} if part not in ("signature", "document") else set()
    assert blamed - {f"{name}.bin"} <= also, wrong
    expect(verdict).to_have_attribute("data-kind", "bad")
    if part == "document":
        photograph(page, "verify_desktop_wrong", colours=8)
    assert judged(page) == []
    assert page.faults == []


def certificate(files):
    """Return a PDF with files inside."""
    writer = PdfWriter()
    writer.add_blank_page(100, 100)
    for name, data in files.items():
        writer.add_attachment(name, data)
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


@pytest.mark.parametrize(
    "part", [None, "record.sd-jwt", "approved.json", "document.pdf", "keys.jwks", "SHA256SUMS"]
)
def test_case_488_a_changed_byte_inside_a_pdf(open_page, server, signed, part):
    """It is named by the file that it is in."""
    keys = requests.get(f"{server.url}/esms_otp/jwks.json", timeout=120).content
    files = {
        "record.sd-jwt": signed["record"],
        "approved.json": signed["approved"],
        "document.pdf": signed["document"],
        "keys.jwks": keys,
    }
    sums = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items()]
    files["SHA256SUMS"] = "".join(sums).encode()
    if part:
        files[part] = changed(files[part], 10)
    page = open_page(None, path=PATH)
    verdict = verify(page, ("certificate.pdf", certificate(files)))
    if part is None:
        expect(verdict).to_have_text(VALID)
        expect(shown(page, "results")).to_contain_text("Yes: SHA256SUMS: The sums are those")
    else:
        expect(verdict.locator("li").filter(has_text=f"{part}: ")).not_to_have_count(0)
    assert page.faults == []


def test_case_488_the_certificate(open_page, borrower, signed):
    """As it is printed; and with one byte changed in each file that is inside."""
    row = borrower.signature()["signature_id"]
    url = f"{borrower.server.url}/esms_otp/certificate/{row}"
    printed = requests.get(url, cookies=borrower.cookies, timeout=120).content
    page = open_page(None, path=PATH)
    expect(verify(page, ("certificate.pdf", printed))).to_have_text(VALID)
    results = shown(page, "results")
    for said in ("Siti Aminah", "a loan of $ 1,000.00", "The document is the one that was signed."):
        expect(results).to_contain_text(said)
    photograph(page, "verify_desktop_certificate", colours=8)
    inside = {name: data for name, [data] in PdfReader(io.BytesIO(printed)).attachments.items()}
    assert signed["document"] in inside.values()
    assert len(inside) >= 5
    for name, data in inside.items():
        others = {**inside, name: changed(data, len(data) // 2)}
        verdict = verify(page, ("certificate.pdf", certificate(others)))
        expect(verdict.locator("li").filter(has_text=f"{name}: ")).not_to_have_count(0)
    assert page.faults == []


def golden():
    """Return five records of one field, oldest first, and their keys."""
    read = json.loads((VECTORS / "golden-v1.json").read_text())
    return [one["sd_jwt"].encode() for one in read["chain"]], json.dumps(read["jwk_set"])


def resigned(record, seed, **changes):
    """Return another version of a record, which its own key has signed."""
    header, payload, _ = record.split(b"~")[0].decode().split(".")
    said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))) | changes
    text = json.dumps(said, separators=(",", ":"), sort_keys=True, ensure_ascii=False)

    def encoded(data):
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    signed = f"{header}.{encoded(text.encode())}"
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(signed.encode())
    return f"{signed}.{encoded(signature)}".encode()


def test_a_chain_of_records_is_checked_and_what_breaks_it_is_named(open_page):
    """As files, as one list, and as a PDF with all of them inside."""
    records, keys = golden()
    other = resigned(records[1], bytes([1]) * 32, txt="another sentence")
    page = open_page(None, path=PATH)
    page.get_by_text("Use another key").click()
    page.get_by_label("Public key").fill(keys)
    files = [(f"{number}.sd-jwt", one) for number, one in enumerate(records, 1)]
    about = "loan.offer, 4711, borrower_signature"
    for given in (
        files,
        files[::-1],
        [("all.txt", b"\n".join(records))],
        [("all.txt", b"\r\n".join(records[::-1]) + b"\n")],
        [("certificate.pdf", certificate(dict(files)))],
    ):
        expect(verify(page, *given)).to_have_text(VALID_ALL)
        results = shown(page, "results")
        for said in (
            f"Chain: {about}",
            "These are here: 1, 2, 3, 4, 5",
            "Yes: Each of them is here once.",
            "Yes: None is missing before the last one here.",
            "Yes: Each holds the digest of the one before it.",
            "Not checked: There are no later ones",
        ):
            expect(results).to_contain_text(said)
        assert "No: " not in results.inner_text()
    assert judged(page) == []
    missing, twice = "records of the chain are missing.", "a number is here more than once."
    place, unlike = "a record is not in its place in the list.", "does not follow the one before it"
    for given, verdict, wrong in (
        (files[::2], INCOMPLETE, {missing: "2, 4"}),
        (files[1:], INCOMPLETE, {missing: "1"}),
        ([files[0], files[4]], INCOMPLETE, {missing: "2-4"}),
        ([*files, ("again", records[2])], INVALID, {twice: "3"}),
        ([("all.txt", b"\n".join([*records[:2], *records[:1:-1]]))], INVALID, {place: "4, 3"}),
        ([files[0], ("2", other), *files[2:]], INVALID, {unlike: "3"}),
        ([*files, ("2", other)], INVALID, {twice: "2", unlike: "3"}),
        (
            [("all.pdf", certificate({**dict(files), "2": other}))],
            INVALID,
            {twice: "2", unlike: "3"},
        ),
    ):
        said = verify(page, *given)
        expect(said.locator("strong")).to_have_text(verdict)
        lines = said.locator("li").all_inner_texts()
        assert len(lines) == len(wrong), lines
        for line, (words, numbers) in zip(lines, wrong.items(), strict=True):
            assert line.startswith(f"{about}: ") and words in line, lines
            assert line.endswith(f"({numbers})"), lines
    # A changed byte in one of several: the record is named, and the one that follows it.
    jws = records[1].split(b"~")[0]
    said = verify(page, files[0], ("2", changed(jws, len(jws) - 20)), *files[2:])
    expect(said).to_contain_text("2: the record was changed after it was signed.")
    expect(said).to_contain_text("does not follow the one before it: one of the two was replaced.")
    assert page.faults == []


def test_case_487_other_keys(open_page, signed):
    """Pasted ones count in place of the server's, as PEM and as JWK."""
    page = open_page(None, path=PATH)
    page.get_by_text("Use another key").click()
    golden = (VECTORS / "first.sd-jwt").read_text()
    lacking = "the pasted record: the record names a key that is not one of these keys."
    expect(verify(page, text=golden)).to_contain_text(lacking)
    for keys in ((VECTORS / "first.pem").read_text(), (VECTORS / "first.jwks").read_text()):
        page.get_by_label("Public key").fill(keys)
        expect(verify(page, text=golden)).to_have_text(VALID)
        expect(verify(page, text=signed["record"].decode())).to_contain_text(lacking)
    page.get_by_label("Public key").fill("no key")
    expect(verify(page, text=golden)).to_contain_text("This cannot be read.")
    expect(verify(page)).to_contain_text("This cannot be read.")
    page.get_by_label("Public key").fill("")
    expect(verify(page)).to_have_text("Choose a certificate or a record first.")
    expect(verify(page, ("a.txt", b"hello"))).to_contain_text("There is no record")
    assert page.faults == []


def test_case_487_a_browser_without_ed25519_says_so(open_page, signed):
    """In plain words, and calls nothing valid."""
    lacking = """
        const known = crypto.subtle.importKey.bind(crypto.subtle);
        crypto.subtle.importKey = (format, data, algorithm, ...rest) =>
            algorithm === "Ed25519"
                ? Promise.reject(new DOMException("-", "NotSupportedError"))
                : known(format, data, algorithm, ...rest);
    """
    page = open_page(None, path=PATH, before=lambda page: page.add_init_script(lacking))
    expect(verify(page, text=signed["record"].decode())).to_have_text(
        "Not verified: this browser cannot check Ed25519 signatures. Newer ones can."
    )
    expect(shown(page, "results")).to_contain_text("Not checked: The signature is good.")


def test_case_487_the_page_can_send_nothing(open_page, server):
    """Its policy refuses each way out, and no other page may show it."""
    page = open_page(None, path=PATH)
    policy = page.answer.headers["content-security-policy"]
    for part in (
        "default-src 'none'",
        "connect-src 'none'",
        "form-action 'none'",
        "frame-ancestors",
    ):
        assert part in policy
    way = "url => fetch(url).then(() => 'sent', () => 'refused')"
    assert page.evaluate(way, f"{server.url}/esms_otp/jwks.json") == "refused"
    assert any("Content Security Policy" in fault for fault in page.faults)
    keys = json.loads(page.locator("main").get_attribute("data-keys"))
    assert set(keys["keys"][0]) >= {"kty", "crv", "x", "kid"}
    assert "d" not in keys["keys"][0]
