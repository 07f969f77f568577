"""A mail server on loopback that keeps what it is given."""

import email
import email.policy
import socketserver
import threading

from fake_gateway import code_in


class FakeSmtp:
    """Takes every mail, but those to addresses that begin with `refused`."""

    def __init__(self):
        self.mails = []
        fake = self

        class Handler(socketserver.StreamRequestHandler):
            """One session."""

            def say(self, line):
                """Answer one line."""
                self.wfile.write(f"{line}\r\n".encode())

            def handle(self):
                """Answer as the shortest reading of RFC 5321 allows."""
                self.say("220 loopback")
                for line in self.rfile:
                    verb = line[:4].upper()
                    if verb == b"RCPT" and b"<refused" in line:
                        self.say("550 no such user")
                    elif verb == b"DATA":
                        self.say("354 go on")
                        fake.mails.append(self.read())
                        self.say("250 taken")
                    elif verb == b"QUIT":
                        self.say("221 bye")
                        return
                    else:
                        self.say("250 ok")

            def read(self):
                """Return the mail that follows."""
                lines = []
                for line in self.rfile:
                    if line == b".\r\n":
                        break
                    lines.append(line)
                return email.message_from_bytes(b"".join(lines), policy=email.policy.default)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def to(self, address):
        """Return the mails to an address, in order."""
        return [mail for mail in self.mails if mail["To"] == address]

    def code(self, address):
        """Return the code in the last mail to an address."""
        return code_in(self.to(address)[-1].get_body(("plain",)).get_content())
