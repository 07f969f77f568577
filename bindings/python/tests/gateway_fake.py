"""A server on loopback that answers, or fails to, as a test tells it."""

import json
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Fake:
    """Keeps every request; ``reply`` is the status, the body and what happens to them."""

    def __init__(self):
        self.requests = []
        self.reply = (200, json.dumps({"status": 0, "id": "uuid-1"}).encode())
        self.headers = {}
        self.before = 0.0  # seconds before anything is said
        self.drip = 0.0  # seconds between the bytes of the body
        self.hang_up = False
        fake = self

        class Handler(BaseHTTPRequestHandler):
            """One request."""

            def do_POST(self):
                """Take a form."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                fake.requests.append((self.path, dict(self.headers), body.decode()))
                time.sleep(fake.before)
                if fake.hang_up:
                    self.close_connection = True
                    return
                status, reply = fake.reply
                try:
                    self.send_response(status)
                    for name, value in {"Content-Length": len(reply), **fake.headers}.items():
                        self.send_header(name, str(value))
                    self.end_headers()
                    for at in range(len(reply)) if fake.drip else ():
                        self.wfile.write(reply[at : at + 1])
                        time.sleep(fake.drip)
                    if not fake.drip:
                        self.wfile.write(reply)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # the caller stopped waiting

            do_GET = do_POST

            def log_message(self, *args):
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}/sms/send"
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(0.01,), daemon=True).start()

    def form(self):
        """Return the members of the one form that came."""
        ((_path, _headers, body),) = self.requests
        return dict(urllib.parse.parse_qsl(body, strict_parsing=True))

    def close(self):
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
