"""Signature records and tools that were not made here.

    python stock.py check TOOL FILE     one tool judges the records of a file
    python stock.py make FILE [SEED]    PyJWT and joserfc sign records; without SEED those of stock-v1.json,
                                        with one also what joserfc reads in 500 foreign JWK sets
    python stock.py spoil WHAT FILE OUT copies a file with one fault in every record

TOOL: pyjwt, joserfc, openssl, rfc8785, sd-jwt
FILE: golden-v1.json, or what tests/behaviour/signatures/interop.rs writes
WHAT: byte (of what is signed), space (in the payload, signed anew), disclosure

Exit code: 0 the tool holds all records for good, 3 it refuses one, 1 and 2 as Python has them.
Needs: PyJWT 2.15, joserfc 1.8, rfc8785 0.1, sd-jwt 0.10, cryptography, and `openssl` 3.
"""

import base64
import hashlib
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import warnings

import joserfc.errors
import jwt
import rfc8785
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from joserfc import jws as joserfc_jws
from joserfc.jwk import KeySet, OKPKey
from jwcrypto.common import JWException
from jwcrypto.jwk import JWK
from sd_jwt.verifier import SDJWTVerifier

# joserfc warns that RFC 9864 renames EdDSA; the other tools do not know the new name yet.
warnings.filterwarnings("ignore", message="EdDSA is deprecated")

FOREIGN_SETS = 500

# The first records are enough where each of them starts a process.
MOST_PROCESSES = 25


class Refused(Exception):
    """A tool does not hold a record for good."""


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def demand(holds: bool, what: str) -> None:
    if not holds:
        raise Refused(what)


class Record:
    """A record of either kind of file: the texts, and what they must say."""

    def __init__(self, told: dict):
        self.sd_jwt = told["sd_jwt"]
        self.jws, *disclosures = self.sd_jwt.split("~")
        self.signed_bytes = told["payload"].encode()
        self.payload = json.loads(told["payload"])
        self.kid = jwt.get_unverified_header(self.jws)["kid"]
        # The golden file does not tell what each disclosure says: its own text does.
        said = (json.loads(unb64(text)) for text in disclosures if text)
        self.details = told.get("details") or {name: value for _, name, value in said}
        self.erased = told.get("erased", [])


class File:
    def __init__(self, path: str):
        told = json.loads(pathlib.Path(path).read_text())
        records = told["records"] if "records" in told else [*told["chain"], told["other_field"]]
        self.jwk_set = told["jwk_set"]
        self.records = [Record(record) for record in records]
        self.hs256 = told.get("hs256")


def pyjwt(file: File) -> int:
    keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(file.jwk_set).keys}
    for record in file.records:
        try:
            said = jwt.decode(record.jws, keys[record.kid].key, algorithms=["EdDSA"])
        except jwt.InvalidTokenError as error:
            raise Refused(error) from error
        demand(said == record.payload, "another payload")
    if file.hs256:
        jws = file.hs256["record"]["sd_jwt"].split("~")[0]
        jwt.decode(jws, unb64(file.hs256["secret"]), algorithms=["HS256"])
    return len(file.records)


def joserfc_(file: File) -> int:
    keys = KeySet.import_key_set(file.jwk_set)
    for key in keys.keys:
        demand(key.thumbprint() == key.kid, "kid is not the RFC 7638 thumbprint")
    for record in file.records:
        try:
            signed = joserfc_jws.deserialize_compact(record.jws, keys, algorithms=["EdDSA"])
        except joserfc.errors.JoseError as error:
            raise Refused(error) from error
        demand(json.loads(signed.payload) == record.payload, "another payload")
    return len(file.records)


def openssl(file: File) -> int:
    """Verifies `header.payload` with `openssl pkeyutl`, the key as SPKI."""
    keys = {jwk["kid"]: unb64(jwk["x"]) for jwk in file.jwk_set["keys"]}
    command = "openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey key -in signed -sigfile signature"
    for record in file.records[:MOST_PROCESSES]:
        signed, _, signature = record.jws.rpartition(".")
        spki = bytes.fromhex("302a300506032b6570032100") + keys[record.kid]
        with tempfile.TemporaryDirectory() as folder:
            files = {"signed": signed.encode(), "signature": unb64(signature), "key": spki}
            for name, content in files.items():
                (pathlib.Path(folder) / name).write_bytes(content)
            done = subprocess.run(command.split(), cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode == 1 and "Signature Verification Failure" in done.stdout:
            raise Refused(done.stdout.strip())
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr)
    return len(file.records[:MOST_PROCESSES])


def rfc8785_(file: File) -> int:
    for record in file.records:
        signed = unb64(record.jws.split(".")[1])
        demand(rfc8785.dumps(json.loads(signed)) == signed, "not canonical")
        demand(record.signed_bytes == signed, "another payload")
    return len(file.records)


def sd_jwt(file: File) -> int:
    keys = {jwk["kid"]: JWK.from_json(json.dumps(jwk)) for jwk in file.jwk_set["keys"]}
    for record in file.records:
        try:
            shown = SDJWTVerifier(record.sd_jwt, lambda *_: keys[record.kid]).get_verified_payload()
        except (JWException, ValueError) as error:
            raise Refused(error) from error
        # sd-jwt drops a disclosure that no digest names without a word: see what is shown instead.
        places = [shown["who"], shown.get("ctx", {}), shown.get("doc", {})]
        for name, value in record.details.items():
            demand(any(place.get(name) == value for place in places), f"{name} is not shown")
        for name in record.erased:
            demand(not any(name in place for place in places[:2]), f"{name} is shown")
        demand(not any("_sd" in place for place in places), "a digest is left over")
    return len(file.records)


TOOLS = {"pyjwt": pyjwt, "joserfc": joserfc_, "openssl": openssl, "rfc8785": rfc8785_, "sd-jwt": sd_jwt}


def check(tool: str, path: str) -> None:
    try:
        count = TOOLS[tool](File(path))
    except Refused as refusal:
        print(f"{tool} refuses a record: {refusal}")
        sys.exit(3)
    demand(count > 0, "no record was judged")
    print(f"{tool} holds {count} records for good")


def spoil(what: str, path: str, out: str) -> None:
    """Puts the same fault into every record."""
    file = File(path)
    key = Ed25519PrivateKey.generate()
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key().public_bytes_raw())}
    jwk["kid"] = OKPKey.import_key(jwk).thumbprint()
    spoilt = []
    for record in file.records:
        jws, *disclosures = record.sd_jwt.split("~")
        header, payload, signature = jws.split(".")
        said = record.signed_bytes.decode()
        if what == "byte":
            # The last digit of the instant: as good JSON as before.
            at = said.index('"iat":') + 15
            said = said[:at] + str((int(said[at]) + 1) % 10) + said[at + 1 :]
            jws = ".".join([header, b64(said.encode()), signature])
        elif what == "space":
            said = said.replace(",", ", ", 1)
            header = b64(json.dumps({"alg": "EdDSA", "kid": jwk["kid"]}).encode())
            signed = f"{header}.{b64(said.encode())}"
            jws = f"{signed}.{b64(key.sign(signed.encode()))}"
        elif what == "disclosure":
            salt, name, value = json.loads(unb64(disclosures[0]))
            disclosures[0] = b64(json.dumps([salt, name, value + "x"]).encode())
        told = {"sd_jwt": "~".join([jws, *disclosures]), "payload": said}
        spoilt.append(told | {"details": record.details, "erased": record.erased})
    keys = {"keys": [*file.jwk_set["keys"], jwk]}
    pathlib.Path(out).write_text(json.dumps({"jwk_set": keys, "records": spoilt}))


def anything(draw: random.Random, depth: int = 0) -> object:
    """Return a JSON value of any type."""
    kinds = [None, True, draw.random(), draw.random() * 10.0**draw.randrange(-300, 300), draw.getrandbits(100)]
    kinds += [draw.randrange(-5, 5), "text", "\u2028 😀", ""]
    if depth < 4:
        kinds.append([anything(draw, depth + 1) for _ in range(draw.randrange(3))])
        kinds.append({f"m{i}": anything(draw, depth + 1) for i in range(draw.randrange(3))})
    return draw.choice(kinds)


def foreign_key(draw: random.Random) -> dict:
    """Return a public key of a kind that joserfc knows."""
    kind = draw.choice(("Ed25519", "Ed25519", "X25519", "Ed448", "P-256"))
    if kind == "P-256":
        numbers = ec.derive_private_key(draw.getrandbits(200) + 1, ec.SECP256R1()).public_key().public_numbers()
        return {"kty": "EC", "crv": kind, "x": b64(numbers.x.to_bytes(32)), "y": b64(numbers.y.to_bytes(32))}
    private = {"Ed25519": Ed25519PrivateKey, "X25519": X25519PrivateKey, "Ed448": Ed448PrivateKey}[kind]
    public = private.from_private_bytes(draw.randbytes(57 if kind == "Ed448" else 32)).public_key()
    key = {"kty": "OKP", "crv": kind, "x": b64(public.public_bytes_raw())}
    if kind == "Ed25519":
        known = {"kid": OKPKey.import_key(key).thumbprint(), "use": "sig", "alg": "EdDSA"}
        return key | {name: value for name, value in known.items() if draw.randrange(2)}
    return key | {"kid": "2026"}


def foreign_sets(draw: random.Random) -> list[dict]:
    """Make JWK sets as others have them, and say which Ed25519 keys joserfc finds in each."""
    made = []
    for _ in range(FOREIGN_SETS):
        keys = [foreign_key(draw) for _ in range(draw.randrange(1, 5))]
        for key in keys:
            key |= {f"x-{i}": anything(draw) for i in range(draw.randrange(3))}
        found = [key for key in KeySet.import_key_set({"keys": keys}).keys if key.as_dict().get("crv") == "Ed25519"]
        # Kinds that joserfc refuses, where RFC 7517, section 5, passes them over.
        keys += [{"kty": anything(draw), "x": anything(draw)}, {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}]
        draw.shuffle(keys)
        told = {f"m{i}": anything(draw) for i in range(draw.randrange(3))}
        text = json.dumps(told | {"keys": keys}, ensure_ascii=draw.randrange(2) == 0)
        made.append({"text": text, "ed25519": sorted(key.thumbprint() for key in found)})
    return made


def make(out: str, run: str | None = None) -> None:
    draw = random.Random(run or 9901)
    seed = draw.randbytes(32) if run else bytes([11]) * 32
    private = Ed25519PrivateKey.from_private_bytes(seed)
    x = b64(private.public_key().public_bytes_raw())
    key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": x, "d": b64(seed)})
    header = {"kid": key.thumbprint(), "typ": "otp-signature+jwt"}
    made = []
    for tool, name in [("PyJWT", "Zoë 王 😀"), ("joserfc EdDSA", "Ann"), ("joserfc Ed25519", "Bob")]:
        details = {"name": name, "number": "+27821234567"}
        disclosures = [
            b64(json.dumps([b64(draw.randbytes(16)), *detail]).encode()) for detail in details.items()
        ]
        payload = {
            "v": 1,
            "iss": "acme",
            "jti": b64(draw.randbytes(16)),
            "iat": 1715767260,
            "act": "sign",
            "n": 1,
            "ref": {"model": "loan.offer", "field": "borrower_signature", "record": "4711"},
            "who": {"user": "42", "_sd": sorted(b64(hashlib.sha256(d.encode()).digest()) for d in disclosures)},
            "otp": {"id": "x", "chan": "sms", "sent": 1715767200, "done": 1715767260, "tries": 1, "sends": 1, "len": 6},
            "txt": "Ich bin einverstanden: „ja“",
            "_sd_alg": "sha-256",
        }
        if tool == "PyJWT":
            jws = jwt.encode(payload, private, algorithm="EdDSA", headers=header)
        else:
            alg = tool.split()[1]
            jws = joserfc_jws.serialize_compact({"alg": alg, **header}, json.dumps(payload), key, algorithms=[alg])
        made.append({"tool": tool, "name": name, "sd_jwt": "~".join([jws, *disclosures, ""])})
    comment = "Records that other tools signed, made by stock.py: their members are in no canonical order."
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": key.thumbprint()}
    stock = {"_comment": comment, "jwk_set": {"keys": [jwk]}, "made": made}
    if run:
        stock["jwk_sets"] = foreign_sets(draw)
    pathlib.Path(out).write_text(json.dumps(stock, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    {"check": check, "make": make, "spoil": spoil}[sys.argv[1]](*sys.argv[2:])
