// SPDX-License-Identifier: MIT OR Apache-2.0
/**
 * Verifies a signature record with nothing but the operator's public keys: the format, the key, the
 * Ed25519 signature, the details disclosed beside it, and that it is about what was expected. The
 * verification page of the addon and the page of the reference service use this one file.
 */

const HEADER = ["alg", "kid", "typ"];
const ALGORITHMS = ["EdDSA", "Ed25519"];
const TYPE = "otp-signature+jwt";
const MAX_STATEMENT = 8192;
/** A string of JSON, and the colon after it if it names a member. */
const STRING = /"(?:[^"\\]|\\.)*"(\s*:)?/g;
const SALT = 16;
const NO_ED25519 = "this browser has no Ed25519; newer ones do, and other tools";
/** What each check of `verify` says, by the name under which a page may translate it. */
const CLAIMS = {
    form: "it has the form of a signature record",
    key: "its key is one of this server's",
    in_use: "the key was in use when it was signed",
    signature: "the signature is good",
    details: "each disclosed detail is the one that was signed",
    about: "it is about this record",
    user: "it was signed by this user",
    code: "it belongs to this code",
    picture: "the picture is the one that was signed",
    content: "what was approved is what was signed",
    document: "the document is the one that was signed",
    // Of a chain.
    once: "each of its records is here once",
    complete: "none is missing, from the first to the last one here",
    linked: "each holds the digest of the one before it",
    order: "the list has them in their order",
    newest: "there are no later ones",
};
/** A record, whether or not its parts can be read. */
const RECORD = /^[\w-]+\.[\w-]+\.[\w-]+(~[\w-]+)*~?$/;
/** What `sha256sum` writes. */
const SUMS = /^([\da-f]{64} [ *][^\n]+\n)+$/;
/** The first bytes of a public Ed25519 key in DER; its 32 bytes follow. */
const DER = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
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
    return {
        header: within("header", statement, parts[0]),
        payload: within("payload", statement, parts[1]),
        signature: within("signature", bytes, parts[2]),
        signed: new TextEncoder().encode(`${parts[0]}.${parts[1]}`),
        disclosures: rest.map((one) => within("details", disclosure, one)),
    };
}

/** Reads a part; its name goes with what is wrong in it. */
function within(part, reads, text) {
    try {
        return reads(text);
    } catch (error) {
        throw Object.assign(new Error(`${part}: ${error.message}`), { part });
    }
}

/**
 * Judges a record. `expected` may have `model`, `field`, `record`, `user`, `generation`, and bytes:
 * `image`, `content` (of what was approved) and `document`; what it lacks is answered "not checked".
 *
 * Returns checks `{ name, claim, holds, why }`, where `holds` is true, false, or null for "not
 * checked".
 */
export async function verify(text, jwks, expected = {}) {
    let record = null;
    try {
        record = read(text);
    } catch (error) {
        return [check(error.part === "details" ? "details" : "form", false, error.message)];
    }
    const { header, payload } = record;
    const key = (jwks.keys || []).find((one) => one?.kid === header.kid);
    const signed = contentDigest(record);
    return [
        check("form", ...form(record)),
        check("key", ...(await known(key))),
        check("in_use", ...inUse(key, payload.iat)),
        check("signature", ...(await signature(record, key))),
        check("details", ...(await disclosed(record))),
        check("about", ...about(payload.ref, expected)),
        check("user", ...same(payload.who?.user, expected.user)),
        check("code", ...same(generation(payload), expected.generation)),
        check("picture", ...(await picture(payload.img, expected.image))),
        check("content", ...(await content(signed, expected.content))),
        check("document", ...(await document_(signed, expected))),
    ];
}

/**
 * Judges all records among some files `{ name, data }`, each with what else is there: pictures,
 * what was approved (a file whose digest the record holds), documents, disclosures in a file of
 * their own, sums of the files, and keys (which prove nothing, and are compared with `jwks`).
 *
 * A file may hold several records, one a line, in their order or in the opposite one.
 *
 * Returns `{ records, chains, files }`: for each record `{ name, record, checks, content }` (`record`
 * is null if it cannot be read, `content` a text or null), what `chains` says of them, and for each
 * other file `{ name, is, holds }`, where `is` is picture, content, document, details, keyset, sums,
 * or unknown: of no record here.
 */
export async function judge(files, jwks) {
    const all = await Promise.all(files.map(sorted));
    const beside = all.filter((one) => one.is === "details").flatMap((one) => one.disclosures);
    const judged = [];
    const given = all.flatMap(({ name, lines = [] }, list) =>
        lines.map((text, at) => ({
            list,
            text,
            name: lines.length > 1 ? `${name}, ${at + 1}` : name,
        })),
    );
    for (const file of given) {
        const text = await withDetails(file.text, beside);
        const record = readOrNull(text);
        const signed = record && contentDigest(record);
        const image = find(all, record?.payload.img?.dig, "picture");
        const approved = find(all, signed, "content");
        const document = await named(all, approved);
        const expected = { image: image?.data, content: approved?.data, document: document?.data };
        const checks = await verify(text, jwks, expected);
        const { name, list } = file;
        judged.push({ name, list, text, record, checks, content: approved?.text ?? null });
    }
    for (const [at, file] of all.entries()) {
        if (file.is === "keyset") {
            file.holds = file.keys.every((one) => jwks.keys.some((ours) => isSameKey(one, ours)));
        } else if (file.is === "details") {
            const carried = judged.flatMap(({ record }) => record?.disclosures ?? []);
            file.holds = file.disclosures.every((one) => carried.some(({ text }) => text === one));
        } else if (file.is === "record") {
            const own = judged.filter(({ list }) => list === at);
            file.holds = own.every(({ checks }) => checks.every((one) => one.holds !== false));
        }
    }
    for (const file of all.filter((one) => one.is === "sums")) {
        // A file that is wrong by itself does not speak against its sum.
        file.holds = await every(file.sums, async ([sum, name]) => {
            const one = all.find((other) => other.name === name);
            return one && (!one.holds || (await hex(one.data)) === sum);
        });
    }
    const others = all.filter((one) => one.is !== "record");
    return {
        records: judged.map(({ name, record, checks, content }) => ({
            name,
            record,
            checks,
            content,
        })),
        chains: await chains(judged),
        files: others.map(({ name, is, holds }) => ({ name, is, holds })),
    };
}

/**
 * Judges which records `{ text, record, list }` follow each other: those of one field of one record
 * are a chain, in which each holds its number and the digest of the one before it. What shares a
 * `list` must stand there in one order, from the oldest or from the newest.
 *
 * Returns for each field of which there is more than one record `{ about, numbers, checks }`, with
 * checks as `verify` makes them; their `why` has numbers alone.
 */
async function chains(judged) {
    const fields = new Map();
    for (const one of judged) {
        const { iss, ref, n } = one.record?.payload ?? {};
        if (Number.isInteger(n) && n > 0) {
            const about = [ref?.model, ref?.record, ref?.field];
            const key = JSON.stringify([iss, about]);
            fields.set(key, [...(fields.get(key) ?? []), { ...one, about: about.join(", ") }]);
        }
    }
    const several = [...fields.values()].filter((field) => field.length > 1);
    return Promise.all(several.map(chain));
}

async function chain(given) {
    const links = await Promise.all(
        given.map(async ({ text, record, list }) => {
            const { n, prev, jti } = record.payload;
            return { n, prev, jti, list, digest: await digest(text.split("~")[0]) };
        }),
    );
    const sorted = [...links].sort((one, other) => one.n - other.n);
    const last = sorted.at(-1).n;
    const numbers = new Set(sorted.map(({ n }) => n));
    const twice = sorted.filter((one, at) =>
        sorted.slice(0, at).some(({ n, jti }) => n === one.n || jti === one.jti),
    );
    const missing = gaps([...numbers]);
    // What is there twice may be there in two versions, of which each must fit.
    const unlinked = sorted.filter(({ n, prev }) =>
        n === 1
            ? prev !== undefined
            : prev === undefined || sorted.some((one) => one.n === n - 1 && one.digest !== prev),
    );
    const lists = [...new Set(links.map(({ list }) => list))]
        .map((list) => links.filter((one) => one.list === list))
        .filter(({ length }) => length > 1);
    const astray = lists.flatMap((list) => {
        const way = Math.sign(list.at(-1).n - list[0].n);
        return list.filter(({ n }, at) => at && Math.sign(n - list[at - 1].n) === -way);
    });
    const named = (found) => [...new Set(found.map(({ n }) => n))].join(", ");
    return {
        about: given[0].about,
        numbers: [...numbers].join(", "),
        checks: [
            check("once", !twice.length, named(twice)),
            check("complete", !missing.length, missing.join(", ")),
            check("linked", !unlinked.length, named(unlinked)),
            ...(lists.length ? [check("order", !astray.length, named(astray))] : []),
            check("newest", null, `> ${last}`),
        ],
    };
}

/** Names the numbers from 1 on that are missing among sorted ones, as ranges. */
function gaps(numbers) {
    return numbers
        .map((n, at) => [(numbers[at - 1] ?? 0) + 1, n - 1])
        .filter(([from, to]) => from <= to)
        .map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`));
}

/**
 * Reads keys that somebody pasted: a JWK, a JWK set, or public Ed25519 keys as PEM.
 *
 * Throws an `Error` if it is none of these.
 */
export async function readKeys(text) {
    let keys = null;
    if (text.includes("-----BEGIN PUBLIC KEY-----")) {
        const blocks = [
            ...text.matchAll(/-----BEGIN PUBLIC KEY-----([^-]+)-----END PUBLIC KEY-----/g),
        ];
        keys = blocks.map(([, base64]) => fromDer(base64.replace(/\s+/g, "")));
    } else {
        const value = JSON.parse(text);
        keys = value?.keys ?? [value];
    }
    for (const key of keys) {
        if (typeof key?.kty !== "string") {
            throw new Error("there is no key in it");
        }
        key.kid ??= await thumbprint(key);
    }
    return { keys };
}

/** Says whether every check was made that protects the statement itself, and none failed. */
export function isGood(checks) {
    return (
        checks.length > 4 &&
        checks.slice(0, 5).every((one) => one.holds === true) &&
        checks.every((one) => one.holds !== false)
    );
}

function check(name, holds, why = "") {
    return { name, claim: CLAIMS[name], holds, why };
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
    if (key.kty !== "OKP" || key.crv !== "Ed25519" || (await thumbprint(key)) !== key.kid) {
        return [false, "the server's key is no Ed25519 key, or has another's id"];
    }
    return [true];
}

function thumbprint({ crv, kty, x }) {
    return digest(`{"crv":"${crv}","kty":"${kty}","x":"${x}"}`);
}

function fromDer(base64) {
    const der = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    if (der.length !== DER.length + 32 || !DER.every((byte, at) => byte === der[at])) {
        throw new Error("the key is not a public Ed25519 key");
    }
    return { kty: "OKP", crv: "Ed25519", x: base64url(der.subarray(DER.length)) };
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
    let key = null;
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

/** The digest of what was approved: in the statement, or beside it; undefined if there is none. */
function contentDigest({ payload, disclosures }) {
    return payload.doc?.dig ?? disclosures.find(({ name }) => name === "dig")?.value;
}

async function content(signed, data) {
    if (!data) {
        return [null, "what was approved is not at hand"];
    }
    return (await digest(data)) === signed ? [true] : [false, "it is something else"];
}

/** A document is what was approved, or is named in it by its SHA-256. */
async function document_(signed, { content: approved, document }) {
    if (!document) {
        return [null, "no document is at hand"];
    }
    if ((await digest(document)) === signed) {
        return [true];
    }
    const holds = approved && (await digest(approved)) === signed;
    return holds && documentDigest(decoded(approved)) === (await hex(document))
        ? [true]
        : [false, "it is another one, or what was approved is not there to name it"];
}

/** The document's SHA-256 in what was approved: a member of JSON, or the last line. */
function documentDigest(text) {
    try {
        return JSON.parse(text)["/document"];
    } catch {
        return text?.split("\n").pop();
    }
}

/** Says what a file among others is, by what is in it. */
async function sorted({ name, data }) {
    const file = { name, data, text: decoded(data), is: "unknown", holds: false };
    file.digest = await digest(data);
    const lines = file.text?.trim().split(/\s*\n\s*/) ?? [];
    if (lines.every((line) => RECORD.test(line)) && lines.length) {
        return { ...file, is: "record", lines };
    }
    if (SUMS.test(file.text ?? "")) {
        const sums = file.text
            .trim()
            .split("\n")
            .map((line) => [line.slice(0, 64), line.slice(66)]);
        return { ...file, is: "sums", sums };
    }
    try {
        const { keys } = await readKeys(file.text);
        if (keys.length) {
            return { ...file, is: "keyset", keys };
        }
    } catch {
        // not keys
    }
    const disclosures = (file.text ?? "").split(/[\s~]+/).filter(Boolean);
    try {
        disclosures.forEach(disclosure);
    } catch {
        return file;
    }
    return disclosures.length ? { ...file, is: "details", disclosures } : file;
}

/** Says whether what is said of a key is what our set says of it. */
function isSameKey(one, ours) {
    return Object.entries(one).every(([name, value]) => ours[name] === value);
}

async function every(list, holds) {
    for (const one of list) {
        if (!(await holds(one))) {
            return false;
        }
    }
    return true;
}

/** Adds the disclosures of a file of their own that a record names and does not carry. */
async function withDetails(text, beside) {
    const record = readOrNull(text);
    const digests = ["who", "ctx", "doc"].flatMap((place) => record?.payload[place]?._sd ?? []);
    const own = (record?.disclosures ?? []).map((one) => one.text);
    const more = [];
    for (const one of beside) {
        if (!own.includes(one) && digests.includes(await digest(one))) {
            more.push(one);
        }
    }
    return more.length ? [text.replace(/~$/, ""), ...more, ""].join("~") : text;
}

function find(all, signed, is) {
    const found = all.find((one) => signed !== undefined && one.digest === signed);
    return found && Object.assign(found, { is, holds: true });
}

async function named(all, approved) {
    const wanted = approved?.text && documentDigest(approved.text);
    for (const one of all) {
        if (wanted && (await hex(one.data)) === wanted) {
            return Object.assign(one, { is: "document", holds: true });
        }
    }
    return undefined;
}

function readOrNull(text) {
    try {
        return read(text);
    } catch {
        return null;
    }
}

function decoded(data) {
    try {
        return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
    } catch {
        return null;
    }
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

async function hex(data) {
    const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
    return Array.from(sum, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Reads base64url, and refuses a second spelling of the same bytes. */
function bytes(text) {
    if (!/^[A-Za-z0-9_-]*$/.test(text)) {
        throw new Error("it has a character that is not base64url");
    }
    let found = null;
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
