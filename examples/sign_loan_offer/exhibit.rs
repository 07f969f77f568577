//! The record outside of the engine: in files, and verified with the public key alone.

use std::fs;
use std::path::Path;

use otp_engine::{
    Clock, SignatureRecord, Target,
    record::{Expected, ExpectedChain, VerifyingKeys, verify_chain, verify_record},
};

use crate::contract::{LoanService, fault};

const RECORD: &str = "record.sd-jwt";
const JWK_SET: &str = "keys.jwks";
const PEM: &str = "key.pem";
const OFFER: &str = "offer.txt";

/// Writes the record, what was signed, and the public key in two forms.
pub(crate) fn write<C>(
    service: &LoanService<'_, C>,
    record: &SignatureRecord,
    offer: &str,
    folder: &Path,
) -> Result<(), String> {
    for (name, text) in [
        (RECORD, record.to_sd_jwt() + "\n"),
        (JWK_SET, service.keys.to_jwk_set() + "\n"),
        (PEM, service.keys.to_pem()),
        (OFFER, offer.to_owned()),
    ] {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("wrote {}", path.display());
    }
    Ok(())
}

/// Verifies the files, with what the host's chain head says of the field; tells whether all holds.
pub(crate) fn verify<C: Clock + 'static>(
    service: &LoanService<'_, C>,
    record: &SignatureRecord,
    folder: &Path,
) -> Result<bool, String> {
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let keys = VerifyingKeys::from_jwk_set(&read(JWK_SET)?).map_err(|error| error.to_string())?;
    let text = read(RECORD)?;
    let written = SignatureRecord::from_sd_jwt(text.trim_end());
    let written = written.map_err(|error| error.to_string())?;
    let tenant = service.binding.tenant();
    let reference = service.binding.target();
    let chain_head = service
        .engine
        .chain_head(&service.store, tenant, &reference);
    let head = chain_head.map_err(fault)?;
    let Target {
        model,
        field,
        id: name,
    } = reference;
    let expected = Expected::new()
        .tenant(tenant)
        .model(model)
        .field(field)
        .target_id(name);
    let of_field = ExpectedChain::new()
        .tenant(tenant)
        .model(model)
        .field(field)
        .target_id(name)
        .chain_head(head);
    let verdict = verify_chain(core::slice::from_ref(&written), &keys, &of_field);
    let said = verify_record(written.jws(), written.disclosures(), &keys, Some(&expected))
        .map_err(|error| error.to_string())?;
    println!(
        "record {} of {tenant}, {model} {name}: signed by {:?}, number {}",
        said.sequence(),
        said.signer_name().unwrap_or("withheld"),
        said.number().unwrap_or("withheld"),
    );
    let holds = verdict.all_good() && written == *record;
    println!(
        "signature, tenant, field, order and page: {}",
        if holds { "all good" } else { "NOT GOOD" }
    );
    Ok(holds)
}

/// Returns the commands with which anyone can verify the files.
pub(crate) fn commands(folder: &Path) -> String {
    let folder = folder.display().to_string().replace('\'', r"'\''");
    format!(
        r#"cd '{folder}'

# PyJWT (pip install "pyjwt[crypto]")
python3 -c '
import json, jwt
record = open("{RECORD}").read().split("~")[0]
keys = jwt.PyJWKSet.from_dict(json.load(open("{JWK_SET}")))
kid = jwt.get_unverified_header(record)["kid"]
print(json.dumps(jwt.decode(record, keys[kid].key, algorithms=["EdDSA"]), indent=1))'

# OpenSSL 3
jws=$(cut -d "~" -f 1 {RECORD})
printf %s "${{jws%.*}}" > signed
printf '%s==' "${{jws##*.}}" | tr -- -_ +/ | openssl base64 -d -A > signature
openssl pkeyutl -verify -rawin -pubin -inkey {PEM} -in signed -sigfile signature

# what was signed: the same as doc.dig above
openssl dgst -sha256 -binary {OFFER} | openssl base64 -A | tr +/ -_ | tr -d =; echo"#
    )
}
