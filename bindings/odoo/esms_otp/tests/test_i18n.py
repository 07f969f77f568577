from io import BytesIO
from pathlib import Path

import polib

from odoo.tests import TransactionCase, tagged
from odoo.tools.translate import trans_export

FOLDER = Path(__file__).parents[1] / "i18n"


@tagged("at_install", "-post_install")
class TestTranslations(TransactionCase):
    def test_the_template_has_exactly_the_terms_of_the_addon(self):
        exported = BytesIO()
        trans_export(False, ["esms_otp"], exported, "po", self.env)
        terms = {entry.msgid for entry in polib.pofile(exported.getvalue().decode())}
        template = {entry.msgid for entry in polib.pofile(FOLDER / "esms_otp.pot")}
        self.assertEqual(template - terms, set(), "gone; export again: odoo i18n export -l pot")
        self.assertEqual(terms - template, set(), "new; export again: odoo i18n export -l pot")

    def test_each_term_is_in_malay_with_its_placeholders(self):
        template = {entry.msgid for entry in polib.pofile(FOLDER / "esms_otp.pot")}
        malay = {entry.msgid: entry.msgstr for entry in polib.pofile(FOLDER / "ms.po")}
        self.assertEqual(set(malay), template)
        for term, said in malay.items():
            for mark in ("%s", "#otp#", "#duration#", "#subject#", "{", "}", "<", ">"):
                self.assertEqual(said.count(mark), term.count(mark) if said else 0, term)
        same = {"eSMS Malaysia", "ID", "Model", "Status"}  # written alike in both
        self.assertEqual({term for term, said in malay.items() if not said}, same)

    def test_malay_users_read_malay(self):
        self.env["res.lang"]._activate_lang("ms_MY")
        module = self.env["ir.module.module"].search([("name", "=", "esms_otp")])
        module._update_translations(["ms_MY"])
        malay = self.env["esms.otp.policy"].with_context(lang="ms_MY")
        self.assertEqual(malay.fields_get(["minutes"])["minutes"]["string"], "Tempoh Sah")
