"""The API as its clients see it, and the administrator's side of it."""

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import requests

MODEL = "loan.application"
FIELD = "client_schedule_esms_otp_signature_ids"
TIMEOUT = 120
GENERATED, ALREADY = "OTP generated successfully", "OTP already sent"
_numbers = itertools.count(1)


class Refused(Exception):
    """The server answered with an error envelope."""


class Client:
    """One logged-in browser or app."""

    def __init__(self, server, login, password):
        self.login, self.password = login, password
        self.log_in(server)

    def log_in(self, server):
        """Open a session of a server, on its database."""
        self.server = server
        session = requests.Session()
        params = {"db": server.database.name, "login": self.login, "password": self.password}
        answer = session.post(
            f"{server.url}/web/session/authenticate", json={"params": params}, timeout=TIMEOUT
        ).json()
        self.uid = answer["result"]["uid"]
        self.cookies = session.cookies.get_dict()

    def post(self, path, params):
        """Post to a JSON route on a connection of its own and return the response."""
        return requests.post(
            f"{self.server.url}{path}",
            json={"params": params},
            cookies=self.cookies,
            timeout=TIMEOUT,
        )

    def result(self, path, params):
        """Return the result of a JSON route; raise Refused with the envelope's error."""
        answer = self.post(path, params).json()
        if "error" in answer:
            raise Refused(answer["error"]["data"]["debug"])
        return answer.get("result")

    def call(self, model, method, *args, **kwargs):
        """Call a method of a model, as the web client does."""
        params = {"model": model, "method": method, "args": list(args), "kwargs": kwargs}
        return self.result("/web/dataset/call_kw", params)


class Borrower(Client):
    """A user with a mobile number and an application to sign; by default of the portal."""

    def __init__(self, server, admin, applications=1, group="group_portal"):
        number = next(_numbers)
        login = f"borrower{number}"
        self.mobile = f"60123{number:06d}"
        # The group is the last word on what such a user may do.
        group = admin.call("ir.model.data", "check_object_reference", "base", group)[1]
        values = {
            "name": f"Borrower {number}",
            "login": login,
            "password": login,
            "esms_otp_mobile": f"+{self.mobile}",
            "group_ids": [(6, 0, [group])],
        }
        user = admin.call("res.users", "create", [values], context={"no_reset_password": True})
        loans = [
            {"name": f"LA/{number}/{at}", "amount": 1000 + at, "user_id": user[0]}
            for at in range(applications)
        ]
        self.records = admin.call(MODEL, "create", loans)
        self.record = self.records[0]
        super().__init__(server, login, login)

    def params(self, record=None, **more):
        """Return the parameters of every route, and some more."""
        return {"model": MODEL, "field": FIELD, "id": record or self.record, **more}

    def send(self, record=None, **more):
        """Ask for a code."""
        return self.result("/api/esms_otp/send_esms_otp", self.params(record, **more))

    def verify(self, otp, record=None, **more):
        """Say what was typed."""
        return self.result("/api/esms_otp/verify_esms_otp", self.params(record, otp=otp, **more))

    def signature(self, record=None):
        """Ask for the signature."""
        return self.result("/api/esms_otp/get_esms_otp_signature", self.params(record))


def wrong(code, number=0):
    """Return the number-th code that is not this one, of its length."""
    return str((int(code) + 1 + number) % 10 ** len(code)).zfill(len(code))


def at_once(calls):
    """Make all calls at the same time and return what each gave, in their order.

    A server's queue holds fewer connections than a test opens at once: one that is reset before a
    handler ran is made again. The tests count runs of handlers: nothing is made twice unseen.
    """
    calls = list(calls)
    start = threading.Barrier(len(calls))

    def make(call):
        start.wait()
        end = time.monotonic() + TIMEOUT
        while True:
            try:
                return call()
            except requests.ConnectionError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.5)

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(make, calls))


def signatures(database, record):
    """Return how many signatures the record has."""
    rows = database.query(
        "SELECT count(*) FROM esms_otp_signature WHERE model = %s AND field = %s AND res_id = %s",
        MODEL, FIELD, record,
    )  # fmt: skip
    return rows[0][0]


def use_gateway(admin, gateway, **values):
    """Send through a gateway on loopback: long codes, which do not turn up by chance, for long."""
    made = {
        "name": "Loopback",
        "provider": "esms",
        "endpoint": gateway.endpoint,
        "user": "key",
        "password": "secret",
        "company_id": False,
        "timeout": 30,
        **values,
    }
    sender = admin.call("esms.otp.gateway", "create", [made])[0]
    companies = admin.call("res.company", "search", [])
    admin.call("res.company", "write", companies, {"esms_otp_gateway_id": sender})
    policies = admin.call("esms.otp.policy", "search", [])
    admin.call("esms.otp.policy", "write", policies, {"digits": 10, "minutes": 9})
    # A busy machine is no slow gateway.
    admin.call("ir.config_parameter", "set_param", "esms_otp.gateway_wait", "10")
