/**
 * Verifies a signature record with nothing but the operator's public keys: the format, the key, the
 * Ed25519 signature, the details disclosed beside it, and that it is about what was expected.
 */

const HEADER = ["alg", "kid", "typ"];
const ALGORITHMS = ["EdDSA", "Ed25519"];
const TYPE = "otp-signature+jwt";
const MAX_STATEMENT = 8192;
/** A string of JSON, and the colon after it if it names a member. */
const STRING = /"(?:[^"\\]|\\.)*"(\s*:)?/g;
const SALT = 16;
const NO_ED25519 = "this browser has no Ed25519; newer ones do, and other tools";
/** Where a detail's digest may stand. */
const PLACES = {
    name: "who",
    typed: "who",
    number: "who",
    email: "who",
    ip: "ctx",
    agent: "ctx",
    dig: "doc",
};

/**
 * Takes a record `<JWS>~<disclosure>~...~` apart.
 *
 * Throws an `Error` that says what is malformed.
 */
export function read(text) {
    const [jws, ...rest] = text.trim().split("~");
    if (rest.length && rest.pop() !== "") {
        throw new Error("what follows the last ~ is not part of a record");
    }
    const parts = jws.split(".");
    if (parts.length !== 3) {
        throw new Error("a record has a header, a payload and a signature, with dots between them");
    }
    const [header, payload] = parts.slice(0, 2).map(statement);
    return {
        header,
        payload,
        signature: bytes(parts[2]),
        signed: new TextEncoder().encode(`${parts[0]}.${parts[1]}`),
        disclosures: rest.map(disclosure),
    };
}

/**
 * Judges a record. `expected` may have `model`, `field`, `record`, `user`, `generation` and `image`
 * (its bytes); what it lacks is answered "not checked".
 *
 * Returns checks `{ claim, holds, why }`, where `holds` is true, false, or null for "not checked".
 */
export async function verify(text, jwks, expected = {}) {
    let record;
    try {
        record = read(text);
    } catch (error) {
        return [check("it has the form of a signature record", false, error.message)];
    }
    const { header, payload } = record;
    const key = (jwks.keys || []).find((one) => one?.kid === header.kid);
    return [
        check("it has the form of a signature record", ...form(record)),
        check("its key is one of this server's", ...(await known(key))),
        check("the key was in use when it was signed", ...inUse(key, payload.iat)),
        check("the signature is good", ...(await signature(record, key))),
        check("each disclosed detail is the one that was signed", ...(await disclosed(record))),
        check("it is about this record", ...about(payload.ref, expected)),
        check("it was signed by this user", ...same(payload.who?.user, expected.user)),
        check("it belongs to this code", ...same(generation(payload), expected.generation)),
        check(
            "the picture is the one that was signed",
            ...(await picture(payload.img, expected.image)),
        ),
    ];
}

/** Says whether every check was made that protects the statement itself, and none failed. */
export function isGood(checks) {
    return (
        checks.length > 4 &&
        checks.slice(0, 5).every((one) => one.holds === true) &&
        checks.every((one) => one.holds !== false)
    );
}

function check(claim, holds, why = "") {
    return { claim, holds, why };
}

function statement(part) {
    const data = bytes(part);
    if (data.length > MAX_STATEMENT) {
        throw new Error("a part of it is too large");
    }
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
    const value = JSON.parse(text);
    if (members(value) !== [...text.matchAll(STRING)].filter((found) => found[1]).length) {
        throw new Error(
            "a member of it is there twice: readers would differ about which one counts",
        );
    }
    return value;
}

/** Counts the members of all objects, and refuses what a record cannot hold. */
function members(value) {
    if (value === null || (typeof value === "number" && !isCount(value))) {
        throw new Error("a record holds neither null nor other numbers than whole ones");
    }
    const inside = typeof value === "object" ? Object.values(value) : [];
    const own = Array.isArray(value) ? 0 : inside.length;
    return inside.reduce((sum, one) => sum + members(one), own);
}

function isCount(value) {
    return Number.isSafeInteger(value) && value >= 0;
}

function form({ header, payload }) {
    if (Object.keys(header).sort().join() !== HEADER.join()) {
        return [false, `its header must have ${HEADER.join(", ")} and nothing else`];
    }
    if (!ALGORITHMS.includes(header.alg)) {
        return [false, "its algorithm is not Ed25519"];
    }
    if (header.typ !== TYPE || payload.v !== 1 || payload._sd_alg !== "sha-256") {
        return [false, "it is of another kind or version"];
    }
    return [true];
}

async function known(key) {
    if (!key) {
        return [false, "none of the server's keys has the key id that it names"];
    }
    const thumbprint = `{"crv":"${key.crv}","kty":"${key.kty}","x":"${key.x}"}`;
    if (key.kty !== "OKP" || key.crv !== "Ed25519" || (await digest(thumbprint)) !== key.kid) {
        return [false, "the server's key is no Ed25519 key, or has another's id"];
    }
    return [true];
}

function inUse(key, at) {
    if (!key || !Number.isInteger(at)) {
        return [false, "there is no such key, or the record has no time"];
    }
    const { not_before: from = 0, retired_at: to = Infinity } = key;
    return at >= from && at <= to ? [true] : [false, "the key was not in use at that time"];
}

async function signature({ signature, signed }, jwk) {
    if (!jwk) {
        return [false, "there is no key to verify it with"];
    }
    let key;
    try {
        const { kty, crv, x } = jwk;
        key = await crypto.subtle.importKey("jwk", { kty, crv, x }, "Ed25519", false, ["verify"]);
    } catch (error) {
        return error.name === "DataError"
            ? [false, "the server's key cannot be read"]
            : [null, NO_ED25519];
    }
    const good = await crypto.subtle.verify("Ed25519", key, signature, signed);
    return good ? [true] : [false, "the record was changed, or another key signed it"];
}

async function disclosed({ payload, disclosures }) {
    const seen = new Set();
    for (const { text, salt, name, value } of disclosures) {
        const digests = Object.hasOwn(PLACES, name) ? payload[PLACES[name]]?._sd : undefined;
        if (salt.length !== SALT || typeof value !== "string" || seen.has(name)) {
            return [false, `the detail ${name} is malformed, or there twice`];
        }
        if (!Array.isArray(digests) || !digests.includes(await digest(text))) {
            return [false, `the detail ${name} is not the one that was signed`];
        }
        seen.add(name);
    }
    const all = ["who", "ctx", "doc"].flatMap((place) => payload[place]?._sd || []).length;
    const withheld = all - seen.size;
    return [true, withheld ? `${withheld} withheld` : "none withheld"];
}

function about(ref, { model, field, record }) {
    if (model === undefined || field === undefined || record === undefined) {
        return [null, ""];
    }
    const found =
        ref && ref.model === model && ref.field === field && ref.record === String(record);
    return found ? [true] : [false, `it is about ${ref?.model}, ${ref?.record}, ${ref?.field}`];
}

function same(found, expected) {
    if (expected === undefined) {
        return [null, ""];
    }
    return found === String(expected) ? [true] : [false, `it says ${found}`];
}

function generation(payload) {
    return payload.otp?.id === undefined ? undefined : `gen_${payload.otp.id}`;
}

async function picture(img, image) {
    if (!img) {
        return image ? [false, "the record names no picture"] : [null, "none was asked for"];
    }
    if (!image) {
        return [null, "the picture is not at hand"];
    }
    const good = image.length === img.size && (await digest(image)) === img.dig;
    return good ? [true] : [false, "it is another one"];
}

function disclosure(text) {
    const read = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes(text)));
    if (
        !Array.isArray(read) ||
        read.length !== 3 ||
        typeof read[0] !== "string" ||
        typeof read[1] !== "string"
    ) {
        throw new Error("a disclosure is a salt, a name and a value");
    }
    return { text, salt: bytes(read[0]), name: read[1], value: read[2] };
}

/** Returns the base64url of SHA-256 of some bytes, or of a text. */
async function digest(of) {
    const data = typeof of === "string" ? new TextEncoder().encode(of) : of;
    return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", data)));
}

/** Reads base64url, and refuses a second spelling of the same bytes. */
function bytes(text) {
    if (!/^[A-Za-z0-9_-]*$/.test(text)) {
        throw new Error("it has a character that is not base64url");
    }
    let found;
    try {
        found = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) =>
            char.charCodeAt(0),
        );
    } catch {
        throw new Error("a part of it is cut off");
    }
    if (base64url(found) !== text) {
        throw new Error("a part of it is not in its canonical base64url");
    }
    return found;
}

function base64url(data) {
    const text = btoa(String.fromCharCode(...data));
    return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
