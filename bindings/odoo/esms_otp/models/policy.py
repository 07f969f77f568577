import hashlib
import json
from contextlib import suppress

import otp_engine as otp
from otp_engine.esms.recipient import NoMobile, international

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import ValidationError

from ..engine import PURPOSE

_RECIPIENTS = [
    ("user_mobile", "The user's signing mobile"),
    ("partner_phone", "The user's phone, which users change themselves"),
    ("user_email", "The user's signing e-mail"),
]
_NUMBERS = {"user_mobile": "esms_otp_mobile", "partner_phone": "phone"}


class EsmsOtpPolicy(models.Model):
    """The allow-list: which record fields are signed by a code, by whom, within which limits."""

    _name = "esms.otp.policy"
    _description = "OTP Policy"
    _order = "model_id, field_id, id"
    _check_company_auto = True

    active = fields.Boolean(default=True)
    model_id = fields.Many2one(
        "ir.model",
        required=True,
        ondelete="cascade",
        domain=[("transient", "=", False), ("abstract", "=", False)],
    )
    field_id = fields.Many2one(
        "ir.model.fields",
        required=True,
        ondelete="cascade",
        domain="[('model_id', '=', model_id)]",
    )
    company_id = fields.Many2one("res.company", default=lambda self: self.env.company)
    access = fields.Selection(
        [("read", "Read"), ("write", "Write")],
        string="Needed Access",
        required=True,
        default="write",
        help="What the signer must be allowed to do with the record and the field.",
    )
    recipient = fields.Selection(
        _RECIPIENTS,
        required=True,
        default="user_mobile",
        help="Whoever has a stolen login can change the phone and receive the code.",
    )
    otherwise = fields.Selection(
        _RECIPIENTS,
        help="Where codes of users go who have none of the first.",
    )
    otherwise_if_refused = fields.Boolean(
        "Otherwise after a Refusal",
        help="Also where the message to the first was refused: the next request sends a code of "
        "its own. Whoever can have messages refused chooses the weaker of the two.",
    )
    gateway_id = fields.Many2one(
        "esms.otp.gateway",
        ondelete="restrict",
        check_company=True,
        help="What sends the SMS of this policy, and after a refusal its next gateway. Without one "
        "the company's gateway does.",
    )
    odoo_queues = fields.Boolean(
        "Messages in Odoo's Queues",
        help="E-mails and Odoo's own SMS wait in Odoo's queues, with their codes, and are deleted "
        "once they are sent. Whoever reads the database meanwhile can sign.",
    )
    minutes = fields.Integer("Validity", default=3, required=True, help="In minutes, 1 to 9.")
    digits = fields.Integer(default=6, required=True)
    max_attempts = fields.Integer("Attempts", default=5, required=True)
    cooldown = fields.Integer(default=60, required=True, help="Seconds between two sends.")
    max_sends = fields.Integer("Sends of one Code", default=3, required=True)
    resend = fields.Selection(
        [("same", "The same code"), ("rotate", "A new code")], required=True, default="same"
    )
    signature_required = fields.Boolean(
        "Signature Image Required", help="Ask for a drawn or uploaded signature with the code."
    )
    sign_once = fields.Boolean(
        help="What is signed is not signed again, unless its signed content has changed."
    )
    guard_signed = fields.Boolean(
        "Guard Signed Records",
        default=True,
        help="A signed record is not deleted; one that was changed since is not printed.",
    )
    content_field_ids = fields.Many2many(
        "ir.model.fields",
        "esms_otp_policy_content_field_rel",
        string="Signed Content",
        domain="[('model_id', '=', model_id), ('store', '=', True)]",
        help="A code is void as soon as one of these changes, and the record says what they were.",
    )
    template = fields.Char(
        required=True,
        translate=True,
        default=lambda self: self.env._(
            "Your code is #otp#, valid for #duration# minutes. Tell it to nobody."
        ),
        help="#otp# is the code, #duration# the minutes, #subject# what is approved.",
    )
    prefix = fields.Char(default="RM0.00 ", help="How each message must begin.")
    domain = fields.Char(
        "Autofill Domain", help="Browsers fill the code in on pages of this domain alone."
    )
    app_hash = fields.Char("Android App Hash", size=11)

    _field_unique = models.UniqueIndex(
        "(field_id, COALESCE(company_id, 0))",
        "A company has one policy for a field.",
    )

    @api.depends("model_id", "field_id", "company_id")
    def _compute_display_name(self):
        for policy in self:
            name = f"{policy.model_id.model}, {policy.field_id.name}"
            policy.display_name = (
                f"{name} ({policy.company_id.name})" if policy.company_id else name
            )

    @api.constrains("model_id", "field_id", "content_field_ids")
    def _check_fields(self):
        mixin = self.env.registry["esms.otp.mixin"]
        for policy in self:
            model = self.env.registry.get(policy.model_id.model)
            if model is None or not issubclass(model, mixin):
                raise ValidationError(
                    self.env._("%s must inherit esms.otp.mixin.", policy.model_id.model)
                )
            if (policy.field_id | policy.content_field_ids).model_id != policy.model_id:
                raise ValidationError(self.env._("The fields must be fields of the model."))

    @api.constrains(
        "minutes", "digits", "max_attempts", "cooldown", "max_sends", "resend", "signature_required"
    )
    def _check_limits(self):
        for policy in self:
            if not 1 <= policy.minutes <= 9:
                raise ValidationError(self.env._("The validity must be 1 to 9 minutes."))
            try:
                policy._limits()
            except (TypeError, ValueError) as error:
                raise ValidationError(str(error)) from error

    @api.constrains("template", "prefix", "domain", "app_hash", "digits")
    def _check_template(self):
        for policy in self:
            for lang, _name in self.env["res.lang"].get_installed():
                translated = policy.with_context(lang=lang)
                try:
                    translated._template().compose(
                        "0" * policy.digits,
                        minutes=policy.minutes,
                        subject="-" if translated._names_subject() else "",
                    )
                except ValueError as error:
                    raise ValidationError(str(error)) from error

    @api.model
    def _for_field(self, record, field, active_test=True):
        """Return the policy of a record field: its company's own before the one of all, or none."""
        company = self._company(record)
        domain = [
            ("model_id.model", "=", record._name),
            ("field_id.name", "=", field),
            ("company_id", "in", (company.id, False)),
        ]
        found = self.sudo().with_context(active_test=active_test).search(domain)
        return found.sorted(lambda policy: (not policy.active, not policy.company_id))[:1]

    @api.model
    def _company(self, record):
        """Return the company whose policies and gateway serve a record."""
        company = record.sudo().company_id if "company_id" in record._fields else None
        return company or self.env.company

    def _is_over(self, record, field):
        """Say whether the field is signed and is not to be signed again."""
        return self.sign_once and record._esms_otp_standing(field) in ("current", "unbound")

    def _limits(self):
        """Return the engine's policy; ValueError names what is out of bounds."""
        return otp.Policy(
            digits=self.digits,
            validity=self.minutes * 60,
            max_attempts=self.max_attempts,
            cooldown=self.cooldown,
            max_sends=self.max_sends,
            resend=self.resend,
            evidence=("image",) if self.signature_required else (),
        )

    def _template(self, is_mail=False):
        """Return the message of this policy, in the language of the context.

        What gateways and phones want of an SMS is not in a mail.
        """
        if is_mail:
            return otp.MessageTemplate(self.template)
        return otp.MessageTemplate(
            self.template,
            prefix=self.prefix or "",
            domain=self.domain or None,
            app_hash=self.app_hash or None,
        )

    def _names_subject(self):
        return "#subject#" in self.template

    def _subject(self, record, field):
        """Return what the message names as approved: nothing where it has no place for it."""
        return record._esms_otp_subject(field) if self._names_subject() else ""

    def _content(self, record, field):
        """Return the bytes of what is approved, or None if nothing but the field itself is."""
        plain = record.with_env(self.env(user=SUPERUSER_ID, context={}))
        content, document = plain._esms_otp_content(field), plain._esms_otp_document(field)
        digest = hashlib.sha256(document.raw).hexdigest() if document else None
        if content is not None:  # which may be the document itself
            is_in = digest is None or content == document.raw
            return content if is_in else content + f"\n{digest}".encode()
        if not (self.content_field_ids or document):
            return None
        names = sorted(self.content_field_ids.mapped("name"))
        values = plain.read(names or ["id"], load=None)[0]
        if document:
            values["/document"] = digest
        return json.dumps(values, default=_text, ensure_ascii=False, sort_keys=True).encode()

    def _binding(self, record, field, user, tenant):
        """Return what a code is bound to that goes to the first recipient, as `_bindings`."""
        return self._bindings(record, field, user, tenant)[0]

    def _bindings(self, record, field, user, tenant):
        """Return what codes of this record field and user are bound to, as all of it is now.

        One for each recipient: the first that the user has, and where the policy takes another one
        after a refusal, that one too. NoMobile if the user has no number that could be one.
        """
        content = self._content(record, field)
        digest = None if content is None else hashlib.sha256(content).digest()
        try:
            return [
                otp.Binding(
                    tenant=tenant,
                    purpose=PURPOSE,
                    target=otp.Target(record._name, field, str(record.id)),
                    user=str(user.id),
                    **recipient,
                    content=digest,
                    content_guessable=content is not None,
                )
                for recipient in self._recipients(user)
            ]
        except ValueError as error:
            raise NoMobile(str(error)) from None  # all else in it was bounded before

    def _recipients(self, user):
        """Return where codes for a user go, as the binding takes it, in order."""
        first = self._recipient(user, self.recipient)
        if first is None:
            first = self._recipient(user, self.otherwise)
        elif self.otherwise_if_refused:
            with suppress(NoMobile):
                second = self._recipient(user, self.otherwise)
                if second not in (None, first):
                    return [first, second]
        if first is None:
            raise NoMobile("mobile is not registered")
        return [first]

    def _recipient(self, user, channel):
        """Return where a channel of an order reaches a user, or None; NoMobile for no number."""
        user = user.sudo()
        if channel == "user_email":
            return {"email": user.esms_otp_email} if user.esms_otp_email else None
        number = channel and user[_NUMBERS[channel]]
        country_code = user._esms_otp_country_code()
        return {"mobile": international(number, country_code)} if number else None

    def _gateways(self, company):
        """Return what sends the SMS of this policy, in order."""
        return (self.sudo().gateway_id or company.esms_otp_gateway_id)._in_order()

    def _lacks(self):
        """Return what the API says of a user who has nothing that codes can be sent to."""
        if {self.recipient, self.otherwise or self.recipient} == {"user_email"}:
            return "No usable e-mail address is registered"
        return "No usable mobile number is registered"


def _text(value):
    """Write a value that JSON has no form for; bytes by their digest, the rest as Python does."""
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    return str(value)
