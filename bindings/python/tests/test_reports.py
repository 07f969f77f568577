"""What tools that report variables show of answers: sentry-sdk, structlog and rich."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
import rich.console
import rich.pretty
import rich.traceback
import sentry_sdk
import structlog
from support import DictStore, binding, engine, issue, signer
from test_answers import answers_of_each_kind

import otp_engine as otp


def sentry(call: Callable[[], object]) -> str:
    """Return what sentry-sdk sends of an exception, with all variables of all frames."""
    sent: list[Any] = []

    class Transport(sentry_sdk.transport.Transport):
        def capture_envelope(self, envelope: Any) -> None:
            sent.append(envelope.serialize().decode())

    client = sentry_sdk.Client(
        dsn="http://key@127.0.0.1:9/1", transport=Transport, include_local_variables=True,
        default_integrations=False, max_value_length=100_000,
        include_source_context=False,
    )  # fmt: skip
    with sentry_sdk.isolation_scope() as scope:
        scope.set_client(client)
        try:
            call()
        except Exception as error:
            sentry_sdk.capture_exception(error)
        client.flush()
    assert len(sent) == 1 and '"vars"' in sent[0]
    return sent[0]


def in_rich(call: Callable[[], object]) -> str:
    """Return rich's traceback, with all variables of all frames."""
    out = io.StringIO()
    console = rich.console.Console(file=out, width=400)
    try:
        call()
    except Exception:
        console.print(
            rich.traceback.Traceback(
                show_locals=True,
                locals_max_string=None,
                locals_max_length=None,
                width=400,
                extra_lines=0,
            )
        )
    assert "locals" in out.getvalue()
    return out.getvalue()


def in_structlog(call: Callable[[], object]) -> str:
    """Return structlog's line of JSON, with all variables of all frames."""
    lines: list[str] = []
    log = structlog.wrap_logger(
        None,
        processors=[structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.BoundLogger,
    ).bind()
    log._logger = Lines(lines)
    try:
        call()
    except Exception:
        log.error("failed", exc_info=True)
    assert json.loads(lines[0])["exception"][0]["frames"]
    return lines[0]


class Lines:
    """A logger that keeps its lines."""

    def __init__(self, lines: list[str]) -> None:
        self.error = lines.append


REPORTS: dict[str, Callable[[Callable[[], object]], str]] = {
    "sentry": sentry, "rich": in_rich, "structlog": in_structlog,
}  # fmt: skip


def fails_with(answer: Any) -> object:
    """Fail where an answer is a variable, alone and in what holds it."""
    held, named = [answer], {"answer": answer}
    return 1 / (len(held) - len(named))


@pytest.mark.parametrize("name", answers_of_each_kind()[0])
@pytest.mark.parametrize("report", REPORTS)
def test_case_297_a_report_shows_no_code_and_no_number(report: str, name: str) -> None:
    answers, hidden = answers_of_each_kind()
    shown = REPORTS[report](lambda: fails_with(answers[name]))
    assert "held" in shown and type(answers[name]).__name__ in shown
    assert not [text for text in hidden if text in shown], shown
    # The control: what is a plain text is shown.
    assert hidden[0] in REPORTS[report](lambda: fails_with(hidden[0]))


@pytest.mark.parametrize("name", answers_of_each_kind()[0])
def test_case_297_neither_does_a_line_of_a_log(name: str) -> None:
    answers, hidden = answers_of_each_kind()
    line = structlog.processors.JSONRenderer()(None, "info", {"event": "x", "it": answers[name]})
    pretty = rich.pretty.pretty_repr([answers[name]], max_string=None)
    for shown in (str(line), pretty):
        assert type(answers[name]).__name__ in shown
        assert not [text for text in hidden if text in shown], shown


@pytest.mark.parametrize("report", REPORTS)
def test_case_297_a_fault_of_a_store_shows_not_what_was_typed(report: str) -> None:
    """The variables of the package's own frames, down to the host's store."""

    class Store(DictStore):
        broken = False

        def commit(self, writes: list[otp.Write], now: int) -> bool:
            if self.broken:
                raise OSError("cut")
            return super().commit(writes, now)

    maker, store, to = engine(signing_key=signer()), Store(), binding()
    hidden = [issue(maker, store, to).code, "60123456789", "Siti"]
    evidence, store.broken = otp.Evidence(signer_name="Siti"), True
    typed = Typed(hidden[0])
    for call in (
        lambda: maker.issue(store, binding("16")),
        lambda: maker.verify(store, to, typed.pop(), evidence=evidence),
    ):
        shown = REPORTS[report](call)
        assert "commit" in shown and "writes" in shown
        assert not [text for text in hidden if text in shown], shown


class Typed:
    """What was typed, held so that no variable of a test shows it."""

    def __init__(self, code: str) -> None:
        self.pop = iter([code]).__next__
