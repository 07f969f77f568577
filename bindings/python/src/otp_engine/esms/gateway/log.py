"""A gateway for development that sends nothing."""

import logging
import uuid

from . import SendResult

_logger = logging.getLogger(__name__)


class LogGateway:
    """Writes a line that a message would have left: neither its text nor the whole number.

    With ``shows_text`` it writes the text, code and all: for a demo that no one else reads.
    """

    def __init__(self, shows_text: bool = False) -> None:
        self._shows_text = shows_text

    def send(self, to: str, text: str, reference: str = "") -> SendResult:
        """Take a message, as a gateway does on a good day."""
        provider_id = str(uuid.uuid4())
        shown = to[-4:] if len(to) >= 8 else ""
        _logger.info(
            "message %s of %s characters to ****%s not sent: this is the log gateway",
            provider_id,
            len(text),
            shown,
        )
        if self._shows_text:
            _logger.warning("it says: %s", text)
        else:
            _logger.info('shows_text=True shows the text; in Odoo tick "Show Codes in the Log"')
        return SendResult(True, "0", provider_id, meaning="logged, not sent")
