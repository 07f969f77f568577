from io import BytesIO
from pathlib import Path

import polib

from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger
from odoo.tools.translate import trans_export

FOLDER = Path(__file__).parents[1] / "i18n"
MARKS = ("%s", "%(", "#otp#", "#duration#", "#subject#", "{", "}", "<", ">")


@tagged("at_install", "-post_install")
class TestTranslations(TransactionCase):
    def test_the_template_has_exactly_the_terms_of_the_addon(self):
        exported = BytesIO()
        trans_export(False, ["esms_otp"], exported, "po", self.env)
        terms = {entry.msgid for entry in polib.pofile(exported.getvalue().decode())}
        template = {entry.msgid for entry in polib.pofile(FOLDER / "esms_otp.pot")}
        self.assertEqual(template - terms, set(), "gone; export again: odoo i18n export -l pot")
        self.assertEqual(terms - template, set(), "new; export again: odoo i18n export -l pot")

    def test_each_term_is_in_each_language_with_its_placeholders(self):
        template = {entry.msgid for entry in polib.pofile(FOLDER / "esms_otp.pot")}
        names = {"eSMS Malaysia", "ID"}  # written alike in all of them
        alike = {"ms": names | {"Model", "Status"}, "zh_CN": names, "ta": names}
        self.assertEqual({file.stem for file in FOLDER.glob("*.po")}, set(alike))
        for language, same in alike.items():
            with self.subTest(language):
                file = polib.pofile(FOLDER / f"{language}.po")
                self.assertIn("No native speaker has reviewed it yet.", file.header)
                words = {entry.msgid: entry.msgstr for entry in file}
                self.assertEqual(set(words), template)
                for term, said in words.items():
                    for mark in MARKS:
                        self.assertEqual(said.count(mark), term.count(mark) if said else 0, term)
                self.assertEqual({term for term, said in words.items() if not said}, same)

    @mute_logger("odoo.addons.base.models.res_lang")  # no locale of a machine is Tamil
    def test_users_read_their_language(self):
        module = self.env["ir.module.module"].search([("name", "=", "esms_otp")])
        for language, validity in (
            ("ms_MY", "Tempoh Sah"), ("zh_CN", "有效期"), ("ta_IN", "செல்லுபடிக் காலம்"),
        ):  # fmt: skip
            with self.subTest(language):
                if not self.env["res.lang"]._activate_lang(language):
                    self.env["res.lang"]._create_lang(language)  # Odoo itself has no Tamil
                module._update_translations([language])
                translated = self.env["esms.otp.policy"].with_context(lang=language)
                told = translated.fields_get(["minutes"])["minutes"]["string"]
                self.assertEqual(told, validity)
