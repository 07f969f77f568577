import base64
import hashlib
import json
from datetime import datetime, timezone
from io import BytesIO
from typing import NamedTuple

import otp_engine as otp
import pytz
import qrcode
from otp_engine.esms import signed_record
from qrcode.image.svg import SvgPathImage
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools.image import image_data_uri
from odoo.tools.mimetypes import guess_mimetype
from odoo.tools.pdf import OdooPdfFileReader, OdooPdfFileWriter

from ..engine import engine, public_jwks, public_pems
from ..store import opened
from .signature import masked

REPORT = "esms_otp.certificate"
#: What those read who may read a whole number: the signer, of the own signature, and officers.
_PRIVATE = ("number", "email", "ip", "agent")
_SUMS = "SHA256SUMS"
_ENDINGS = {"application/pdf": "pdf", "application/json": "json", "text/plain": "txt",
            "image/png": "png", "image/jpeg": "jpg"}  # fmt: skip


class File(NamedTuple):
    """A file inside the certificate."""

    name: str
    data: bytes
    mimetype: str

    @property
    def digest(self):
        return hashlib.sha256(self.data).hexdigest()


class Certificate(NamedTuple):
    """What a certificate says, and the files inside it, in the order of their names."""

    said: dict
    files: list[File]

    @property
    def name(self):
        """What the PDF is called."""
        title = self.said["title"].replace("/", "-")
        return f"{self.said['heading']} {title}.pdf"

    @property
    def documents(self):
        """What was signed: names, bytes and media types, for beside the PDF."""
        documents = [part["document"] for part in self.said["parts"]]
        return [(one["name"], one["file"].data, one["file"].mimetype)
                for one in documents if one and one["file"]]  # fmt: skip

    def embed(self, pdf):
        """Return the bytes of a PDF with the files inside it."""
        writer = OdooPdfFileWriter()
        writer.cloneReaderDocumentRoot(OdooPdfFileReader(BytesIO(pdf), strict=False))
        last = writer.getNumPages()
        for number in range(1, last + 1):
            page = writer.getPage(number - 1)
            page.mergePage(_footer(f"{self.said['place']}   {number} / {last}"))
            page.compress_content_streams()
        for file in self.files:
            writer.addAttachment(file.name, file.data, subtype=file.mimetype)
        writer.add_metadata({"/Title": self.said["heading"]})
        written = BytesIO()
        writer.write(written)
        return written.getvalue()


class EsmsOtpCertificate(models.AbstractModel):
    """The certificate of a record's signatures: what they say, who may read what of it, and how
    anybody verifies it with tools that are not ours.

    The records of the engine are what it rests on; rows only say which are wanted.
    """

    _name = f"report.{REPORT}"
    _description = "Certificate of OTP signatures"

    @api.model
    def _get_report_values(self, docids, data=None):
        made = (data or {}).get("certificate")
        if not isinstance(made, Certificate):  # anybody may name data in the address of a report
            made = self._make(self.env["esms.otp.signature"].browse(docids))
        return {"said": made.said}

    @api.model
    def _make(self, rows, plain=False):
        """Make the certificate of some signatures of one record, of what the user may read.

        ``plain`` leaves out what only signers and officers may read, whoever asks.
        """
        rows.check_access("read")
        places = {(row.model, row.res_id) for row in rows}
        if len(places) != 1:
            raise UserError(self.env._("A certificate is of the signatures of one record."))
        [(model, res_id)] = places
        record = None if model not in self.env else self.env[model].browse(res_id).exists()
        if not record or not hasattr(record, "_esms_otp_compared"):
            record = None
        files = [File("public-keys.jwks", public_jwks().encode(), "application/json")]
        parts = []
        for field, signed in sorted(rows.grouped("field").items()):
            parts.append(
                self._part(record, field, signed.sorted("n"), len(parts) + 1, plain, files)
            )
        for number, signature in enumerate(
            (one for part in parts for one in part["signatures"]), 1
        ):
            self._attach_record(signature, number, plain, files)
        self._attach_keys(parts, files)
        files.sort()
        sums = "".join(f"{file.digest}  {file.name}\n" for file in files)
        files.append(File(_SUMS, sums.encode(), "text/plain"))
        said = self._said(rows, record, parts, files)
        return Certificate(said, sorted(files))

    def _said(self, rows, record, parts, files):
        company = rows[0].company_id.sudo()
        model = self.env["ir.model"]._get(rows[0].model).sudo()
        base = company.get_base_url()
        verify = f"{base}/esms_otp/verify"
        is_seen = record is not None and record.has_access("read")
        return {
            "heading": self.env._("Certificate of completion"),
            "title": record.display_name if is_seen else f"{rows[0].model}, {rows[0].res_id}",
            "kind": model.name or rows[0].model,
            "place": f"{rows[0].model}, {rows[0].res_id}",
            "company": company,
            "logo": not company.uses_default_logo and image_data_uri(company.logo),
            "made": self._moment(datetime.now(timezone.utc).replace(microsecond=0)),
            "verify": verify,
            "qr": _qr(verify),
            "jwks": f"{base}/esms_otp/jwks.json",
            "parts": parts,
            "signatures": sum(len(part["signatures"]) for part in parts),
            "has_devices": any(one["is_of_device"] for part in parts for one in part["signatures"]),
            "unknown_keys": sorted(
                {one["kid"] for part in parts for one in part["signatures"] if not one["is_known"]}
            ),
            "kids": _kids(),
            "commands": self._commands(parts, files),
        }

    def _part(self, record, field, rows, number, plain, files):
        """Return what is said of the signatures of one field."""
        signatures = self._signatures(field, rows, record, plain)
        part = {
            "label": field,
            "signatures": signatures,
            "is_current": any(one["standing"] == "current" for one in signatures),
            "is_stale": all(one["standing"] == "stale" for one in signatures),
            "shown": [],
            "document": None,
            "content": None,
        }
        if record is None:
            return part
        part["label"] = record._fields[field]._description_string(self.env)
        document = record.sudo()._esms_otp_document(field)
        part["document"] = document and {"name": document.name, "file": None}
        policy = self.env["esms.otp.policy"]._for_field(record, field, active_test=False)
        if not part["is_current"] or not self._may_see_content(record, policy, signatures, plain):
            return part
        content = policy._content(record, field)
        raw = document.raw if document else b""
        if document and _is_named(content, raw):
            mimetype = document.mimetype or guess_mimetype(raw)
            file = File(f"document-{number}.{_ENDINGS.get(mimetype, 'bin')}", raw, _type(mimetype))
            part["document"] |= {"file": file, "attached": self._attached(file)}
            files.append(file)
        if content != raw:
            kind = "application/json" if _is_json(content) else "application/octet-stream"
            file = File(f"content-{number}.{_ENDINGS.get(kind, 'bin')}", content, kind)
            part["content"] = {"file": file, "attached": self._attached(file)}
            files.append(file)
        part["shown"] = record._esms_otp_shown(field)
        return part

    def _attached(self, file):
        size = len(file.data)
        return self.env._("attached as %(file)s, %(size)s bytes", file=file.name, size=size)

    def _may_see_content(self, record, policy, signatures, plain):
        """Say whether the reader may have what was approved: who signed it, or reads it anyway."""
        current = [one["row"] for one in signatures if one["standing"] == "current"]
        if not plain and any(row.user_id == self.env.user for row in current):
            return True
        fields = policy.content_field_ids.mapped("name")
        return record.has_access("read") and all(
            record._has_field_access(record._fields[name], "read") for name in fields
        )

    def _signatures(self, field, rows, record, plain):
        """Return what is said of each row, by the engine's records alone."""
        target = otp.Target(rows[0].model, field, str(rows[0].res_id))
        tenant = self.env["esms.otp.cell"]._tenant()
        with opened(self.env.registry) as store:
            head = engine().chain_head(store, tenant, target)
            found = engine().signatures(store, tenant, target, limit=head.count)
        records = {one.sequence: one for one in found}
        officer = self.env.user.has_group("esms_otp.group_esms_otp_officer")
        said = []
        for row in rows:
            one = records.get(row.n)
            if one is None or one.jws != row.record:
                raise UserError(
                    self.env._("Signature %s is none of the engine's records.", row.generation)
                )
            is_whole = not plain and (officer or row.user_id == self.env.user)
            said.append(self._signature(row, one, head.count, record, is_whole))
        return said

    def _signature(self, row, one, count, record, is_whole):
        payload, details = signed_record.payload(one.jws), signed_record.details(one.disclosures)
        signed = signed_record.content_digest(one.jws, one.disclosures)
        image = signed_record.image_digest(one.jws)
        return {
            "row": row,
            "jws": one.jws,
            "details": [text for text in one.disclosures
                        if is_whole or not set(signed_record.details([text])) & set(_PRIVATE)],
            "kid": signed_record.header(one.jws)["kid"],
            "name": details.get("typed") or details.get("name"),
            "account": details.get("name"),
            "is_erased": bool(payload["who"].get("_sd")) and not {"name", "typed"} & set(details),
            "recipient": masked(details.get("number") or details.get("email") or ""),
            "user": self.env._("User %s", payload["who"]["user"]),
            "at": self._moment(_instant(payload["iat"])),
            "is_of_device": "sent" not in payload["otp"],
            "code": self._code(payload["otp"]),
            "sentence": payload.get("txt"),
            "standing": record._esms_otp_compared(row.field, signed) if record else "gone",
            "place": self.env._(
                "number %(n)s of %(count)s in the chain of this field", n=row.n, count=count
            ),
            "digest": hashlib.sha256(one.jws.encode()).hexdigest(),
            "signed": [signed and signed.hex(), *([image.hex()] if image else [])],
            "generation": row.generation,
            "events": self._events(row),
        }  # fmt: skip

    def _code(self, said):
        """Return what a record says of its code: how it was sent, or which of a device it is."""
        if "sent" in said:
            return self.env._(
                "sent %(at)s; messages: %(sends)s, answers compared: %(answers)s",
                at=self._moment(_instant(said["sent"]))[0],
                sends=said["sends"],
                answers=said["tries"],
            )
        suite, count = said.get("suite", ""), said.get("ctr")
        if "per" in said:
            place = self.env._("time step %(count)s of %(per)s s", count=count, per=said["per"])
        elif count is None:
            place = None
        elif suite and ":C-" not in suite:
            place = self.env._("time step %s", count)
        else:
            place = self.env._("counter %s", count)
        tries = self.env._("answers compared: %s", said["tries"])
        return ", ".join(filter(None, (suite or said["chan"].upper(), place, tries)))

    def _attach_record(self, signature, number, plain, files):
        signature["number"] = number
        text = "~".join([signature["jws"], *signature["details"], ""])
        signature["file"] = f"signature-{number}.sd-jwt"
        files.append(File(signature["file"], text.encode(), "text/plain"))
        signature["is_known"] = signature["kid"] in _kids()
        if signature["is_known"]:
            verdict = otp.verify_record(text, public_jwks())
            if not verdict:
                raise UserError(verdict.reason)
        row = signature["row"].with_context(bin_size=False)
        signature["image"] = None
        is_seen = row._images_are_open() or not plain
        if image := base64.b64decode((is_seen and row.drawing) or b""):
            mimetype = guess_mimetype(image)
            ending = _ENDINGS.get(mimetype, "bin")
            files.append(File(f"image-{number}.{ending}", image, _type(mimetype)))
            signature["image"] = image_data_uri(base64.b64encode(image))

    def _attach_keys(self, parts, files):
        """Attach the keys of these records as PEM, which has no names of keys."""
        pems = public_pems()
        kids = {one["kid"] for part in parts for one in part["signatures"]} & set(pems)
        used = sorted(kids) or _kids()[:1]
        for number, kid in enumerate(used, 1):
            name = f"public-key-{number}.pem" if len(used) > 1 else "public-key.pem"
            files.append(File(name, pems[kid].encode(), "text/plain"))

    def _events(self, row):
        """Return what the log of this server has of a code, in the user's zone."""
        texts = {
            "issued": self.env._("Code sent"),
            "sent_again": self.env._("Same code sent again"),
            "delivered": self.env._("Taken by the gateway"),
            "delivery_failed": self.env._("Message not sent"),
            "refused": self.env._("Another message refused"),
            "rejected": self.env._("Code not accepted"),
            "exhausted": self.env._("Too many wrong codes"),
            "accepted": self.env._("Right code"),
        }
        log = self.env["esms.otp.log"].sudo()
        domain = [("generation", "=", row.generation), ("kind", "in", list(texts))]
        events = log.search(domain, order="at, id", limit=20)
        wrong = self.env._("Wrong code")
        said, day = [], None
        for event in events:
            at, _zone, _utc = self._moment(event.at.replace(tzinfo=timezone.utc))
            date, time, _offset = at.split()
            text = wrong if event.reason == "wrong" else texts[event.kind]
            said.append(f"{time} {text}" if date == day else f"{date} {time} {text}")
            day = date
        return said

    def _moment(self, at):
        """Write an instant in the user's zone, which is named, and in UTC."""
        name = self.env.context.get("tz") or self.env.user.tz or "UTC"
        zone = pytz.timezone(name) if name in pytz.all_timezones_set else pytz.utc
        local = at.astimezone(zone)
        offset = local.strftime("%z")
        return (f"{local:%Y-%m-%d %H:%M:%S} UTC{offset[:3]}:{offset[3:]}", str(zone),
                f"{at:%Y-%m-%d %H:%M:%S} UTC")  # fmt: skip

    def _commands(self, parts, files):
        """Return the lines that verify the files: poppler, coreutils, OpenSSL 3 and PyJWT."""
        [sums] = [file for file in files if file.name == _SUMS]
        attached = {file.digest for file in files}
        signed = [
            digest for part in parts for one in part["signatures"] for digest in one["signed"]
        ]
        program = _PYJWT
        if not attached.issuperset(signed):  # what is not there is no fault then
            program = program.replace(_PICTURE, "")
            program = program.replace('files[told["dig"]]', _PERHAPS)
        said = [
            "# " + self.env._("1. Take the files out of this PDF; no byte of them has changed."),
            "pdfdetach -saveall certificate.pdf",
            f'echo "{sums.digest} *{_SUMS}" | sha256sum -c',
            f"sha256sum -c {_SUMS}",
            "# " + self.env._("2. OpenSSL 3: each record was signed with the operator's key."),
            *_OPENSSL.splitlines(),
            "# " + self.env._("3. PyJWT: the same, what each record says, and what it is about."),
            *program.splitlines(),
        ]
        documents = [file for file in files if file.name.startswith("document-")]
        contents = {file.name.split(".")[0]: file.name for file in files}
        named = [(file.name, contents.get(file.name.split(".")[0].replace("document", "content")))
                 for file in documents]  # fmt: skip
        if any(content for _document, content in named):
            text = self.env._("4. What was approved names the document by its SHA-256.")
            said.append(f"# {text}")
            said += [f'grep -o "$(sha256sum {document} | cut -c -64)" {content}'
                     for document, content in named if content]  # fmt: skip
        return "\n".join(said)


_OPENSSL = r"""( for file in signature-*.sd-jwt; do
jws=$(cut -d '~' -f 1 $file)
printf %s "${jws%.*}" > signed
printf '%s==' "${jws##*.}" | tr -- '-_' '+/' | openssl base64 -d -A > raw
for key in public-key*.pem; do
openssl pkeyutl -verify -rawin -pubin -inkey $key -in signed -sigfile raw > said && break
done && cat said || exit 1
done )"""
_PICTURE = r"""assert "img" not in said or said["img"]["dig"] in files, name + ": not its image"; \
"""
_PERHAPS = 'files.get(told.get("dig"), "not attached")'
# Without indentation, which neither a viewer's clipboard nor pdftotext keeps.
_PYJWT = (
    r"""python3 - <<'END'
import base64, glob, hashlib, json, jwt
def digest(data): return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()[:-1]
def detail(text): return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))[1:]
keys = jwt.PyJWKSet.from_dict(json.load(open("public-keys.jwks")))
files = {digest(open(name, "rb").read()): name for name in glob.glob("[cdi]*-[0-9]*")}
for name in sorted(glob.glob("signature-*")): \
jws, *details = open(name).read().strip("~").split("~"); \
said = jwt.decode(jws, keys[jwt.get_unverified_header(jws)["kid"]].key, algorithms=["EdDSA"]); \
assert all(digest(one.encode()) in str(said) for one in details), name + ": a detail was changed"; \
told = dict(map(detail, details)); \
"""
    + _PICTURE
    + r"""print(name, "is good; approved:", files[told["dig"]], said, told)
END"""
)


def _is_json(content):
    try:
        return isinstance(json.loads(content), dict)
    except ValueError:
        return False


def _is_named(content, raw):
    """Say whether what was approved is this document, or names it by its SHA-256."""
    digest = hashlib.sha256(raw).hexdigest()
    if _is_json(content):
        return json.loads(content).get("/document") == digest
    return content == raw or content.rpartition(b"\n")[2] == digest.encode()


def _type(mimetype):
    """Return a media type as it may stand in a PDF."""
    return mimetype if mimetype in _ENDINGS else "application/octet-stream"


def _kids():
    """Return the ids of the keys whose public halves are inside, that of today first."""
    return [key["kid"] for key in json.loads(public_jwks())["keys"]]


def _instant(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc)


def _footer(text):
    """Return a page of A4 with a line at its foot: not all of wkhtmltopdf's builds write any."""
    if "Vera" not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont("Vera", "Vera.ttf"))  # reportlab brings it
    drawn = BytesIO()
    canvas = Canvas(drawn, pagesize=A4, initialFontName="Vera", initialFontSize=6.5)
    canvas.setFillGray(0.4)
    canvas.drawRightString(A4[0] - 45, 20, text)
    canvas.save()
    return OdooPdfFileReader(drawn).getPage(0)


def _qr(text):
    """Draw a QR code; return it as an address of an image."""
    svg = qrcode.make(text, image_factory=SvgPathImage, border=0).to_string()
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode()
