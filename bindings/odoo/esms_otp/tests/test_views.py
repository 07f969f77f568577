from odoo.tests import TransactionCase, tagged


@tagged("at_install", "-post_install")
class TestViews(TransactionCase):
    def test_each_menu_opens_for_the_role_it_is_for(self):
        menus = self.env["ir.ui.menu"]
        of_each = {
            "user": {"generation", "signature"},
            "officer": {"generation", "signature", "outbox", "log", "figures", "policy"},
            "manager": {"generation", "signature", "outbox", "log", "figures", "policy", "gateway"},
        }
        for role, names in of_each.items():
            user = self.env["res.users"].create(
                {
                    "name": role,
                    "login": f"otp_views_{role}",
                    "group_ids": [(6, 0, self.env.ref(f"esms_otp.group_esms_otp_{role}").ids)],
                }
            )
            visible = menus.with_user(user)._visible_menu_ids()
            seen = {
                name
                for name in of_each["manager"]
                if self.env.ref(f"esms_otp.esms_otp_{name}_menu").id in visible
            }
            self.assertEqual(seen, names, role)
            for name in names:
                action = self.env.ref(f"esms_otp.esms_otp_{name}_action")
                views = [(False, kind) for kind in (*action.view_mode.split(","), "search")]
                got = self.env[action.res_model].with_user(user).get_views(views)
                self.assertEqual(set(got["views"]), {kind for _, kind in views})

    def test_the_settings_show_what_can_be_set(self):
        arch = self.env["res.config.settings"].get_view()["arch"]
        for name in ("health", "gateway_id", "mask_recipient", "generation_days", "log_days"):
            self.assertIn(f'name="esms_otp_{name}"', arch)
