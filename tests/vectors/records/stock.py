"""Signature records and tools that were not made here.

    python stock.py check     PyJWT, joserfc, OpenSSL, rfc8785 and sd-jwt judge golden-v1.json
    python stock.py make      PyJWT and joserfc sign the records of stock-v1.json

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

import jwt
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws as joserfc_jws
from joserfc.jwk import KeySet, OKPKey
from jwcrypto.jwk import JWK
from sd_jwt.verifier import SDJWTVerifier

HERE = pathlib.Path(__file__).parent
# joserfc warns that RFC 9864 renames EdDSA; the other tools do not know the new name yet.
warnings.filterwarnings("ignore", message="EdDSA is deprecated")


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def check() -> None:
    golden = json.loads((HERE / "golden-v1.json").read_text())
    jwks = {jwk["kid"]: jwk for jwk in golden["jwk_set"]["keys"]}
    pyjwt_keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(golden["jwk_set"]).keys}
    joserfc_keys = KeySet.import_key_set(golden["jwk_set"])
    for key in joserfc_keys.keys:
        assert key.thumbprint() == key.kid, "kid is not the RFC 7638 thumbprint"
    for record in [*golden["chain"], golden["other_field"]]:
        jws = record["sd_jwt"].split("~")[0]
        payload = json.loads(record["payload"])
        kid = jwt.get_unverified_header(jws)["kid"]
        assert jwt.decode(jws, pyjwt_keys[kid].key, algorithms=["EdDSA"]) == payload
        signed = joserfc_jws.deserialize_compact(jws, joserfc_keys, algorithms=["EdDSA"])
        assert json.loads(signed.payload) == payload
        assert rfc8785.dumps(payload) == unb64(jws.split(".")[1]), "not canonical"
        openssl(jws, jwks[kid], good=True)
        openssl(jws[:-9] + ("A" if jws[-9] != "A" else "B") + jws[-8:], jwks[kid], good=False)
        shown = SDJWTVerifier(record["sd_jwt"], lambda *_: JWK.from_json(json.dumps(jwks[kid])))
        shown = shown.get_verified_payload()
        address = "number" if payload["otp"]["chan"] == "sms" else "email"
        assert (address in shown["who"]) != (address in record["erased"])
        assert "_sd" not in shown["who"] and ("dig" in shown["doc"] if "doc" in shown else True)
    hs256 = golden["hs256"]
    jws = hs256["record"]["sd_jwt"].split("~")[0]
    jwt.decode(jws, unb64(hs256["secret"]), algorithms=["HS256"])
    print("PyJWT, joserfc, OpenSSL, rfc8785 and sd-jwt agree on", len(golden["chain"]) + 2, "records")


def openssl(jws: str, jwk: dict, good: bool) -> None:
    """Verifies `header.payload` with `openssl pkeyutl`, the key as SPKI."""
    signed, _, signature = jws.rpartition(".")
    spki = bytes.fromhex("302a300506032b6570032100") + unb64(jwk["x"])
    with tempfile.TemporaryDirectory() as folder:
        files = {"signed": signed.encode(), "signature": unb64(signature), "key": spki}
        for name, content in files.items():
            (pathlib.Path(folder) / name).write_bytes(content)
        command = "openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey key -in signed -sigfile signature"
        done = subprocess.run(command.split(), cwd=folder, capture_output=True, check=False)
    assert (done.returncode == 0) == good, done.stderr


def make() -> None:
    draw = random.Random(9901)
    seed = bytes([11]) * 32
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
    (HERE / "stock-v1.json").write_text(json.dumps(stock, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    {"check": check, "make": make}[sys.argv[1]]()
