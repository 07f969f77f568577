"""What a service with users by configuration asks: an issuer's keys, and who knows the records."""

import itertools
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from service import Service

ISSUER, AUDIENCE, KEY = "https://login.example.org", "otp", "of-the-test"
ADMIN_TOKEN = "0123456789abcdef0123456789abcdef"


class Host:
    """An issuer that publishes its key, and a callback that allows everything and counts."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        public = OKPAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        keys = {"keys": [{**public, "kid": KEY, "alg": "EdDSA", "use": "sig"}]}
        self.asked = 0
        host = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.say(keys)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                host.asked += 1
                self.say({"allow": True})

            def say(self, answer: object) -> None:
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._users = itertools.count(1)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()

    def login(self) -> dict[str, str]:
        """Return the header of a user whose limits nobody has touched yet."""
        user = next(self._users)
        claims = {
            **{"iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 300},
            **{"sub": str(user), "tenant": "bank", "phone_number": f"+6011{user:08}"},
        }
        token = jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": KEY})
        return {"Authorization": f"Bearer {token}"}

    def serve(self, folder: Path) -> Service:
        """Start a service whose users and records are here, with an administration."""
        # The demonstration makes keys at its first start.
        assert Service(folder, name="keys").stop() == 0
        users = folder / "users.toml"
        users.write_text(
            f'[jwt]\nissuer = "{ISSUER}"\naudience = "{AUDIENCE}"\njwks = "{self.url}/jwks.json"\n'
            'tenant_claim = "tenant"\nmobile_claim = "phone_number"\n'
            f'[callback]\nurl = "{self.url}/otp"\n'
        )
        token = folder / "admin.token"
        token.touch(0o600)
        token.write_text(ADMIN_TOKEN)
        admin = ("--admin-listen", "127.0.0.1:0", "--admin-token", str(token))
        return Service(folder, *admin, users=users)
