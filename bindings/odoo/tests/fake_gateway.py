"""An eSMS gateway on loopback that keeps what it is asked to send."""

import json
import re
import threading
import time
import urllib.parse
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

#: A code stands alone; the number that it is sent to never occurs in a text.
CODE = re.compile(r"(?<![0-9])[0-9]{6,10}(?![0-9])")


class FakeGateway:
    """Answers as the gateway does: always 200, its verdict is the `status` in the body."""

    def __init__(self):
        self.messages = []
        self._changed = threading.Condition()
        self._answers = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            """One request."""

            def do_POST(self):
                """Take a message, as a form or as JSON."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if "json" in self.headers.get("Content-Type", ""):
                    message = json.loads(body)
                else:
                    message = dict(urllib.parse.parse_qsl(body.decode()))
                status, delay = fake._take(message)
                time.sleep(delay)
                answer = {
                    "status": status,
                    "creditDeducted": 1,
                    "message": "ok" if status == 0 else "refused",
                    "id": str(uuid.uuid4()),
                    "parts": 1,
                    "type": 0,
                }
                data = json.dumps(answer).encode()
                try:
                    self.send_response(200)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # the caller stopped waiting

            def log_message(self, *args):
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}/sms/send"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def answer_next(self, status=0, delay=0.0):
        """Answer one coming message in this way."""
        self._answers.append((status, delay))

    def _take(self, message):
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()
            return self._answers.pop(0) if self._answers else (0, 0.0)

    def to(self, mobile):
        """Return the texts that were sent to a number, in order."""
        with self._changed:
            return [message["msg"] for message in self.messages if message["to"] == mobile]

    def code(self, mobile):
        """Return the code in the last text to a number."""
        return code_in(self.to(mobile)[-1])

    def codes(self):
        """Return every code that was ever sent."""
        with self._changed:
            return [code_in(message["msg"]) for message in self.messages]


def code_in(text):
    """Return the one code of a text."""
    codes = set(CODE.findall(text))
    assert len(codes) == 1, "a text holds exactly one code"
    return codes.pop()
