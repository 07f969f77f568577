"""Gateways against a server on loopback: what was sent, what was not, and what nobody knows."""

import json
import logging
import socket
import ssl
import subprocess
import threading
import time
import traceback

import pytest
from gateway_fake import Fake

from otp_engine.esms.gateway import SendResult, Timeout
from otp_engine.esms.gateway.esms import MEANINGS, EsmsGateway
from otp_engine.esms.gateway.log import LogGateway

TO, TEXT, PASSWORD = "60123456789", "RM0.00 Your code is 012345.", "pa55word"


@pytest.fixture
def fake():
    """Return a gateway that says yes."""
    fake = Fake()
    yield fake
    fake.close()


def send(fake, timeout=30.0, reference=""):
    """Send one message."""
    return EsmsGateway(fake.endpoint, "key", PASSWORD, timeout).send(TO, TEXT, reference)


def unknown(fake, timeout=30.0):
    """Send one message of which nobody knows; return what was raised."""
    with pytest.raises(Timeout) as doubt:
        send(fake, timeout)
    assert len(fake.requests) == 1, "after a doubt there is no second message"
    return doubt.value


def test_a_message_that_was_taken(fake):
    """The form has exactly these members, and the URL none of them."""
    assert send(fake) == SendResult(True, "0", "uuid-1", meaning="ok")
    assert fake.form() == {"user": "key", "pass": PASSWORD, "to": TO, "msg": TEXT}
    ((path, headers, _body),) = fake.requests
    assert path == "/sms/send"
    assert "Authorization" not in headers


def test_a_receipt_is_asked_for(fake):
    """Where there is a place to send it to."""
    send(fake, reference="https://example.com/esms_otp/receipt/abc")
    assert fake.form()["dlr"] == "1"
    assert fake.form()["dlr-url"] == "https://example.com/esms_otp/receipt/abc"


def test_a_text_arrives_as_it_is(fake):
    """In UTF-8, with what a form must escape."""
    text = "RM0.00 Kod & nombor = 1+1; é 你好\n@example.com #012345"
    EsmsGateway(fake.endpoint, "key", PASSWORD, 5).send(TO, text)
    assert fake.form()["msg"] == text


@pytest.mark.parametrize("code", [*range(17), 99, 99999])
def test_every_status(fake, code):
    """Zero alone is success, six alone may be tried again, five says that the balance is low."""
    fake.reply = (200, json.dumps({"status": code, "id": "uuid-2"}).encode())
    assert send(fake) == SendResult(
        ok=code == 0,
        status=str(code),
        provider_id="uuid-2",
        balance_low=code == 5,
        meaning=MEANINGS.get(code, "refused"),
        retryable=code == 6,
    )
    assert len(fake.requests) == 1


@pytest.mark.parametrize("code", [*range(11), 16])
def test_the_known_codes_have_a_meaning(code):
    """Those that the contract lists."""
    assert MEANINGS[code]


@pytest.mark.parametrize("http_status", [200, 201, 301, 400, 404, 500, 503])
@pytest.mark.parametrize("code", [0, 5])
def test_the_status_in_the_body_decides(fake, http_status, code):
    """Not the HTTP status."""
    fake.reply = (http_status, json.dumps({"status": code}).encode())
    assert (send(fake).ok, send(fake).status) == (code == 0, str(code))


@pytest.mark.parametrize("code", ["0", "5", "00005"])
def test_a_status_may_be_text(fake, code):
    """With the same meaning."""
    fake.reply = (200, json.dumps({"status": code}).encode())
    assert send(fake) == SendResult(
        code == "0", str(int(code)), meaning=MEANINGS[int(code)], balance_low=code != "0"
    )


@pytest.mark.parametrize(
    "body",
    [
        b"", b"ok", b"{", b"\xff\xfe", b"null", b"0", b"[0]", b"[" * 9000, b"{}",
        b'{"status":false}', b'{"status":true}', b'{"status":null}', b'{"status":0.0}',
        b'{"status":""}', b'{"status":"ok"}', b'{"status":"-1"}', b'{"status":-1}',
        b'{"status":"000000"}', b'{"status":100000}', b'{"status":[0]}', b'{"result":{"status":0}}',
        "{\"status\":\"\u0660\"}".encode(),
    ],
)  # fmt: skip
@pytest.mark.parametrize("http_status", [200, 500, 502, 504])
def test_a_reply_without_a_status_says_nothing(fake, http_status, body):
    """False is no zero, and a proxy's error page does not tell what came of the message."""
    fake.reply = (http_status, body)
    assert str(unknown(fake)) == "the gateway's reply has no status"


@pytest.mark.parametrize("http_status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(fake, http_status):
    """It would carry the credentials on to another host."""
    other = Fake()
    try:
        fake.reply, fake.headers = (http_status, b""), {"Location": other.endpoint}
        assert send(fake) == SendResult(
            False, f"h{http_status}", meaning=f"http status {http_status}"
        )
        assert other.requests == []
        assert EsmsGateway(other.endpoint, "key", PASSWORD, 5).send(TO, TEXT).ok
        assert len(other.requests) == 1, "the other host would have kept a second one"
    finally:
        other.close()


@pytest.mark.parametrize("http_status", [400, 401, 403, 404, 429])
def test_an_http_refusal_is_one(fake, http_status):
    """Whoever answers so did not take the message."""
    fake.reply = (http_status, b"<html>no</html>")
    assert send(fake).status == f"h{http_status}"


def test_silence_is_a_doubt(fake):
    """The message came, and no answer in time."""
    fake.before = 300
    begun = time.monotonic()
    unknown(fake, timeout=3)
    assert time.monotonic() - begun < fake.before / 2


def test_a_slow_answer_in_time_is_an_answer(fake):
    """The other side of that bound."""
    fake.before = 0.2
    assert send(fake, timeout=5).ok


def test_a_reply_that_drips_ends_in_time(fake):
    """Each byte comes in time, the reply as a whole does not: a worker must not wait for it."""
    fake.drip, fake.reply = 0.1, (200, b'{"status":0}'.ljust(3000))
    begun = time.monotonic()
    assert str(unknown(fake, timeout=3)) == "the gateway was too slow"
    assert time.monotonic() - begun < fake.drip * 3000 / 2


def test_a_reply_has_a_bound(fake):
    """Sixteen kibibytes are read and judged, not one byte more."""
    head = b'{"status":0}'
    fake.reply = (200, head.ljust(16384))
    assert send(fake).ok
    fake.requests.clear()
    fake.reply = (200, head.ljust(16385))
    assert str(unknown(fake)) == "the gateway's reply is too long"


def test_a_gateway_that_hangs_up_is_a_doubt(fake):
    """It has the message already."""
    fake.hang_up = True
    unknown(fake)


def test_a_reply_cut_short_is_a_doubt(fake):
    """Less came than was announced."""
    fake.headers = {"Content-Length": "500"}
    unknown(fake, timeout=3)


def free_port():
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_no_connection_is_no_doubt():
    """Nothing left this host, so the engine may refund it."""
    gateway = EsmsGateway(f"http://127.0.0.1:{free_port()}/", "key", PASSWORD, 5)
    assert gateway.send(TO, TEXT) == SendResult(
        False, "conn", meaning="no connection", retryable=True
    )


def test_an_unknown_host_is_no_doubt():
    """There is no such name, by RFC 6761."""
    assert EsmsGateway("https://gateway.invalid/", "k", "p", 5).send(TO, TEXT).status == "conn"


def test_a_certificate_must_be_trusted(tmp_path):
    """A self-signed one gets no credentials; a client that trusts it gets through."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out",
         certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    got = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def serve():
            for _ in range(2):
                plain = server.accept()[0]
                try:
                    with context.wrap_socket(plain, server_side=True) as secure:
                        got.append(secure.recv(4096))
                except OSError:
                    got.append(b"")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        gateway = EsmsGateway(f"https://localhost:{port}/", "key", PASSWORD, 5)
        assert gateway.send(TO, TEXT) == SendResult(False, "tls", meaning="certificate not trusted")
        trusting = ssl.create_default_context(cafile=certificate)
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            trusting.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            secure.sendall(b"hello")
        thread.join(60)
    assert got == [b"", b"hello"]


@pytest.mark.parametrize(
    "bad",
    ["", "api.esms.com.my", "http://api.esms.com.my/sms/send", "http://127.0.0.1.evil.example/",
     "ftp://127.0.0.1/", "https://", "http://localhost@evil.example/"],
)  # fmt: skip
def test_credentials_leave_encrypted_alone(bad):
    """But for loopback, where tests and proxies listen."""
    with pytest.raises(ValueError, match=r"^endpoint must begin with https://$"):
        EsmsGateway(bad, "key", PASSWORD, 5)
    assert EsmsGateway("https://api.esms.com.my/sms/send", "key", PASSWORD, 5)


@pytest.mark.parametrize("how", ["before", "hang_up"])
def test_a_doubt_carries_no_secret(fake, how):
    """What is raised comes into logs, with all that hangs on it."""
    setattr(fake, how, 300 if how == "before" else True)
    doubt = unknown(fake, timeout=3)
    assert doubt.__cause__ is None
    assert doubt.__context__ is None
    shown = "".join(traceback.format_exception(doubt)) + repr(doubt)
    assert not any(secret in shown for secret in (TEXT, PASSWORD, TO))


def test_nothing_is_logged_of_a_message(fake, caplog):
    """At the lowest level of every logger, that of the HTTP library too."""
    caplog.set_level(logging.DEBUG)
    send(fake)
    LogGateway().send(TO, TEXT)
    gateway = EsmsGateway(fake.endpoint, "key", PASSWORD, 5)
    logging.getLogger("control").debug("%s", gateway)
    assert "EsmsGateway(..)" in caplog.text, "what is logged is seen"
    assert "POST /sms/send" in caplog.text, "the HTTP library's lines are seen"
    assert not any(secret in caplog.text for secret in (TEXT, "012345", PASSWORD, TO))


def test_the_log_gateway_sends_nothing(caplog):
    """It takes every message and writes a line, with an id of its own for each."""
    caplog.set_level(logging.INFO)
    first, second = LogGateway().send(TO, TEXT), LogGateway().send("1234567", TEXT)
    assert (first.ok, first.status, first.balance_low) == (True, "0", False)
    assert first.provider_id != second.provider_id
    assert f"{first.provider_id} of {len(TEXT)} characters to ****6789 not sent" in caplog.text
    assert "to **** not sent" in caplog.text


def test_case_330_the_log_gateway_tells_how_to_see_the_code_and_shows_it_where_it_may(caplog):
    """A demo would end at it otherwise."""
    caplog.set_level(logging.INFO)
    LogGateway().send(TO, TEXT)
    assert TEXT not in caplog.text
    assert '"Show Codes in the Log"' in caplog.text
    LogGateway(shows_text=True).send(TO, TEXT)
    assert f"it says: {TEXT}" in caplog.text


def test_a_gateway_is_made_of_one_variable_and_what_is_wrong_names_it(monkeypatch, fake):
    """Where the server starts; nothing that stands there is quoted."""
    monkeypatch.delenv("ESMS_GATEWAY", raising=False)
    for value, said in (
        (None, "is not set"), ("", "is not set"), (" ", "is not set"),
        (f"{fake.endpoint} key", "holds 2 of them"), (fake.endpoint, "holds 1 of them"),
        (f"{fake.endpoint} key {PASSWORD} more", "holds 4 of them"),
        (f"http://192.0.2.1 key {PASSWORD}", "endpoint must begin with https://"),
    ):  # fmt: skip
        if value is not None:
            monkeypatch.setenv("ESMS_GATEWAY", value)
        with pytest.raises(ValueError, match=f"^ESMS_GATEWAY.* {said}") as raised:
            EsmsGateway.from_environment()
        assert PASSWORD not in str(raised.value) and raised.value.__cause__ is None
    monkeypatch.setenv("OTHER", f" {fake.endpoint}  key {PASSWORD}\n")
    assert EsmsGateway.from_environment("OTHER", timeout=30).send(TO, TEXT).ok
    assert fake.form()["pass"] == PASSWORD
