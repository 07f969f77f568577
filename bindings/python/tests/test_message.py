"""Messages through Python: composed, counted, and refused by the argument's name."""

import pytest

import otp_engine as otp


def test_a_message_is_composed_and_counted() -> None:
    template = otp.MessageTemplate(
        "#otp# approves #subject#. Good for #duration# min.",
        prefix="RM0.00 ",
        domain="loans.example",
    )
    message = template.compose("482913", minutes=3, subject="RM 12,000 to Siti")
    assert message.text == (
        "RM0.00 482913 approves RM 12,000 to Siti. Good for 3 min.\n@loans.example #482913"
    )
    assert (message.encoding, message.segments) == ("gsm7", 1)
    assert message.units == len(message.text)
    foreign = otp.MessageTemplate("代码 #otp#").compose("482913")
    assert (foreign.text, foreign.encoding, foreign.units) == ("代码 482913", "ucs2", 9)


def test_what_is_wrong_is_named() -> None:
    for arguments, named in [
        ({"text": "no place"}, "#otp# 0 times"),
        ({"text": "#otp# #subjct# #x#"}, "unknown placeholder"),
        ({"text": "#otp# 2026"}, '"2026"'),
        ({"text": "#otp#", "domain": "https://loans.example"}, "domain"),
        ({"text": "#otp#", "app_hash": "short"}, "app_hash"),
        ({"text": "ABC-#otp#"}, "touches"),
        ({"text": "+#otp#"}, "touches"),
    ]:
        with pytest.raises(ValueError, match=named):
            otp.MessageTemplate(**arguments)
    template = otp.MessageTemplate("#otp# #subject#")
    for code, minutes, subject, named in [
        ("12 456", 3, "x", "code"), ("123456", 0, "x", "minutes"), ("123456", 3, "", "subject"),
        ("123456", 3, "a\n@evil.example #111", "subject"),
        ("123456", 3, "FA9+qCX/VSu", "subject"), ("123456", 3, "@evil.example #abc", "subject"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=named):
            template.compose(code, minutes=minutes, subject=subject)
    with pytest.raises(TypeError, match="code"):
        template.compose(123456, subject="x")  # type: ignore[arg-type]


def test_a_message_shows_no_code_in_its_repr() -> None:
    message = otp.MessageTemplate("Code: #otp#").compose("482913")
    assert "482913" in message.text
    assert "482913" not in repr(message)
