"""What surrounds the result: the routes are plain JSON-RPC routes of Odoo, session and all."""

from .common import RouteCase

ROUTES = ("send_esms_otp", "verify_esms_otp", "get_esms_otp_signature")


class TestEnvelope(RouteCase):
    def test_without_a_session_it_is_code_100(self):
        self.logout(keep_db=True)
        self.authenticate(None, None)
        for route in ROUTES:
            envelope = self.post_raw(route, json={"params": self.where}).json()
            self.assertNotIn("result", envelope)
            self.assertEqual(envelope["error"]["code"], 100)
            self.assertEqual(envelope["error"]["data"]["name"], "odoo.http.SessionExpiredException")
        self.assertFalse(self.gateway.sent)

    def test_the_id_is_echoed_and_a_method_is_not_needed(self):
        body = {"jsonrpc": "2.0", "id": 77, "params": self.where}
        envelope = self.post_raw("send_esms_otp", json=body).json()
        self.assertEqual(envelope["id"], 77)
        self.assertEqual(envelope["result"]["status"], 200)

    def test_a_body_without_params_is_a_400_in_the_result(self):
        for route in ROUTES:
            envelope = self.post_raw(route, json={"model": "loan.application"}).json()
            self.assertEqual(envelope["result"]["status"], 400, route)

    def test_case_330_params_that_are_no_object_are_a_400_in_the_result(self):
        for params in (None, [1, 2], "model", 5, True):
            for route in ROUTES:
                with self.subTest(f"{route} {params}"):
                    answer = self.post_raw(route, json={"id": 7, "params": params})
                    self.assertEqual(answer.status_code, 200)
                    self.assertEqual(
                        answer.json(),
                        {
                            "jsonrpc": "2.0",
                            "id": 7,
                            "result": {"status": 400, "message": "params must be an object"},
                        },
                    )

    def test_members_of_any_name_do_no_harm(self):
        envelope = self.post_raw(
            "send_esms_otp",
            json={"params": {**self.where, "context": {"uid": 1}, "x": 0}},
        ).json()
        self.assertEqual(envelope["result"]["status"], 200)

    def test_only_posted_json_is_taken(self):
        for route in ROUTES:
            self.assertEqual(self.post_raw(route, method="GET").status_code, 405)
            self.assertEqual(self.post_raw(route, data="x=1").status_code, 415)
            broken = self.post_raw(route, data="{", headers={"Content-Type": "application/json"})
            self.assertEqual(broken.status_code, 400)
        self.assertFalse(self.gateway.sent)

    def post_raw(self, route, **request):
        return self.url_open(f"/api/esms_otp/{route}", **request)
