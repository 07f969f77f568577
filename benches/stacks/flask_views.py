"""A row for each phone and PyOTP: what most teams write; with CAREFUL set, what careful ones do.

The first reads, judges and writes in three steps; the second judges what its own UPDATE counted.
Run as a program it makes the table; gunicorn serves `app`.
"""

import json
import os
import threading
import time

import psycopg
import pyotp
from flask import Flask, request

LIFE, GUESSES = 180, 5
CAREFUL = bool(os.environ.get("CAREFUL"))

app, kept = Flask(__name__), threading.local()
outbox = open(os.environ["OUTBOX"], "a", buffering=1)  # noqa: SIM115 (until the process ends)


def sql(statement, *values):
    """Run a statement on this thread's connection, in autocommit."""
    if not hasattr(kept, "connection"):
        kept.connection = psycopg.connect(autocommit=True)
    return kept.connection.execute(statement, values)


def answer(said):
    """Return what came of a guess."""
    return {"said": said}, 200 if said == "accepted" else 400


@app.post("/send")
def send():
    """Make a code that takes the place of an older one."""
    to, secret, now = request.json["to"], pyotp.random_base32(), int(time.time())
    sql(
        "INSERT INTO code (phone, secret, sent) VALUES (%s, %s, %s) ON CONFLICT (phone) DO UPDATE"
        " SET secret = excluded.secret, sent = excluded.sent, guesses = 0, used = false",
        *(to, secret, now),
    )
    outbox.write(json.dumps({"to": to, "msg": f"Your code: {pyotp.HOTP(secret).at(now)}"}) + "\n")
    return {}


@app.post("/verify")
def verify():
    """Judge a guess."""
    return (carefully if CAREFUL else naively)(request.json["to"], request.json["code"])


def naively(to, code):
    """Between reading and writing anybody else may do the same."""
    found = sql("SELECT secret, sent, guesses, used FROM code WHERE phone = %s", to).fetchone()
    if not found or found[3] or found[2] >= GUESSES or found[1] < time.time() - LIFE:
        return answer("refused")
    if pyotp.HOTP(found[0]).verify(code, found[1]):
        sql("UPDATE code SET used = true WHERE phone = %s", to)
        return answer("accepted")
    sql("UPDATE code SET guesses = guesses + 1 WHERE phone = %s", to)
    return answer("compared")


def carefully(to, code):
    """A guess is counted before it is judged, and who is first uses the code up."""
    found = sql(
        "UPDATE code SET guesses = guesses + 1 WHERE phone = %s AND NOT used AND guesses < %s"
        " AND sent >= %s RETURNING secret, sent",
        *(to, GUESSES, int(time.time()) - LIFE),
    ).fetchone()
    if not found:
        return answer("refused")
    if not pyotp.HOTP(found[0]).verify(code, found[1]):
        return answer("compared")
    first = sql(
        "UPDATE code SET used = true WHERE phone = %s AND secret = %s AND NOT used RETURNING 1",
        *(to, found[0]),
    ).fetchone()
    return answer("accepted" if first else "refused")


if __name__ == "__main__":
    sql(
        "CREATE TABLE code (phone text PRIMARY KEY, secret text, sent bigint,"
        " guesses int DEFAULT 0, used bool DEFAULT false)"
    )
