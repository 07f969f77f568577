// SPDX-License-Identifier: MIT OR Apache-2.0
/**
 * Finds the files that are embedded in a PDF. Objects are read one after the other, never within the
 * data of another one: a PDF that is embedded may hold objects of its own. What is found proves
 * nothing; it is for `record_check.js` to judge.
 */

const MOST_BYTES = 64 * 2 ** 20;
const MOST_DEPTH = 64;
const NEXT = /(\d+)\s+(\d+)\s+obj\b|\btrailer\b/g;
const SPACE = /(?:[\0\t\n\f\r ]|%[^\n\r]*)*/y;
const REFERENCE = /(\d+)[\0\t\n\f\r ]+\d+[\0\t\n\f\r ]+R\b/y;
const NUMBER = /[+-]?\d*\.?\d+/y;
const NAME = /\/([^\0\t\n\f\r ()<>[\]{}/%]*)/y;
const WORD = /true|false|null/y;
const STREAM = /stream(?:\r\n|\n)/y;
const ESCAPES = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f" };

/** Says whether some bytes are a PDF. */
export function isPdf(data) {
    return latin1(data.subarray(0, 1024)).includes("%PDF-");
}

/**
 * Returns the embedded files of a PDF, `{ name, data }`, in the order of its objects.
 *
 * Throws an `Error` if it is encrypted, broken, or has a file that is stored in another way than
 * plainly or by Flate.
 */
export async function filesIn(pdf) {
    const objects = objectsOf(pdf);
    for (const one of [...objects.values()]) {
        if (one.value?.Type?.name === "ObjStm") {
            await unpack(one, objects);
        }
    }
    const found = new Map();
    for (const { value } of objects.values()) {
        for (const spec of specifications(value, 0)) {
            const stream = resolved(objects, spec.EF);
            const number = (stream?.UF ?? stream?.F)?.reference;
            if (number !== undefined && objects.get(number)?.data) {
                const name = resolved(objects, spec.UF ?? spec.F);
                found.set(number, {
                    name: typeof name === "string" ? words(name) : "",
                    data: await content(objects.get(number)),
                });
            }
        }
    }
    return [...found.values()];
}

/** Reads all objects: by number, `{ value, data }`; of two with one number the later one counts. */
function objectsOf(pdf) {
    const text = latin1(pdf);
    const objects = new Map();
    NEXT.lastIndex = 0;
    for (let match; (match = NEXT.exec(text)); ) {
        const reader = new Reader(text, NEXT.lastIndex);
        let value = null;
        try {
            value = reader.value(0);
        } catch {
            continue; // not an object, but words that look like the start of one
        }
        let data = null;
        if (value?.Encrypt || value?.Type?.name === "Crypt") {
            throw new Error("the PDF is encrypted");
        }
        if (reader.take(STREAM)) {
            const length = lengthOf(value?.Length, objects, text);
            const end = endOf(text, reader.at, length);
            data = pdf.subarray(reader.at, end);
            reader.at = end;
        }
        if (match[1] !== undefined) {
            objects.set(Number(match[1]), { value, data });
        }
        NEXT.lastIndex = reader.at;
    }
    return objects;
}

function lengthOf(length, objects, text) {
    if (typeof length === "number") {
        return length;
    }
    const number = length?.reference;
    const later = new RegExp(`[\\n\\r]${Number(number)}\\s+\\d+\\s+obj\\s+(\\d+)\\s+endobj`);
    return objects.get(number)?.value ?? Number(later.exec(text)?.[1]);
}

function endOf(text, start, length) {
    if (Number.isSafeInteger(length) && /^\s*endstream/.test(text.substr(start + length, 16))) {
        return start + length;
    }
    const end = text.indexOf("endstream", start);
    if (end < 0) {
        throw new Error("the PDF is cut off");
    }
    return end;
}

/** Adds the objects that are stored together in a compressed stream. */
async function unpack(packed, objects) {
    const text = latin1(await content(packed));
    const { N: count, First: first } = packed.value;
    const places = text.slice(0, first).trim().split(/\s+/).map(Number);
    for (let at = 0; at < count; at += 1) {
        const [number, offset] = places.slice(2 * at, 2 * at + 2);
        if (!objects.has(number)) {
            objects.set(number, { value: new Reader(text, first + offset).value(0), data: null });
        }
    }
}

function* specifications(value, depth) {
    if (value === null || typeof value !== "object" || depth > MOST_DEPTH) {
        return;
    }
    if (value.EF) {
        yield value;
    }
    for (const one of Object.values(value)) {
        yield* specifications(one, depth + 1);
    }
}

function resolved(objects, value) {
    return value?.reference === undefined ? value : objects.get(value.reference)?.value;
}

async function content({ value, data }) {
    const filters = [value.Filter ?? []].flat().map((one) => one.name);
    const parameters = [value.DecodeParms ?? []].flat();
    const isPlain = parameters.every((one) => !one?.Predictor || one.Predictor === 1);
    if (filters.length === 0) {
        return data;
    }
    if (filters.length > 1 || filters[0] !== "FlateDecode" || !isPlain) {
        throw new Error("a file in the PDF is stored in a way that this page cannot read");
    }
    const reader = new Blob([data])
        .stream()
        .pipeThrough(new DecompressionStream("deflate"))
        .getReader();
    const pieces = [];
    let size = 0;
    for (let piece; !(piece = await reader.read()).done; ) {
        pieces.push(piece.value);
        size += piece.value.length;
        if (size > MOST_BYTES) {
            throw new Error("a file in the PDF is too large");
        }
    }
    return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

/** Reads the values of PDF's syntax. */
class Reader {
    constructor(text, at) {
        this.text = text;
        this.at = at;
    }

    /** Takes what a pattern matches here, after space; returns the match or null. */
    take(pattern) {
        SPACE.lastIndex = this.at;
        SPACE.exec(this.text);
        pattern.lastIndex = SPACE.lastIndex;
        const match = pattern.exec(this.text);
        this.at = match ? pattern.lastIndex : SPACE.lastIndex;
        return match;
    }

    value(depth) {
        if (depth > MOST_DEPTH) {
            throw new Error("the PDF is nested too deeply");
        }
        let match = null;
        if (this.take(/<</y)) {
            return this.dictionary(depth);
        }
        if (this.take(/\[/y)) {
            const list = [];
            while (!this.take(/\]/y)) {
                list.push(this.value(depth + 1));
            }
            return list;
        }
        if (this.take(/\(/y)) {
            return this.string();
        }
        if ((match = this.take(/<([\da-fA-F\s]*)>/y))) {
            const pairs = match[1].replace(/\s/g, "").match(/..?/g) ?? [];
            return pairs
                .map((two) => String.fromCharCode(parseInt(two.padEnd(2, "0"), 16)))
                .join("");
        }
        if ((match = this.take(NAME))) {
            const name = match[1].replace(/#([\da-fA-F]{2})/g, (_, two) =>
                String.fromCharCode(parseInt(two, 16)),
            );
            return { name };
        }
        if ((match = this.take(REFERENCE))) {
            return { reference: Number(match[1]) };
        }
        if ((match = this.take(NUMBER))) {
            return Number(match[0]);
        }
        if ((match = this.take(WORD))) {
            return JSON.parse(match[0]);
        }
        throw new Error("the PDF is broken");
    }

    dictionary(depth) {
        const entries = Object.create(null);
        while (!this.take(/>>/y)) {
            const key = this.take(NAME);
            if (!key) {
                throw new Error("the PDF is broken");
            }
            entries[key[1]] = this.value(depth + 1);
        }
        return entries;
    }

    string() {
        let made = "";
        for (let open = 1; ; ) {
            const char = this.text[this.at++];
            if (char === undefined) {
                throw new Error("the PDF is broken");
            }
            if (char === "\\") {
                const octal = /[0-7]{1,3}/y;
                octal.lastIndex = this.at;
                const match = octal.exec(this.text);
                const next = match ? match[0] : this.text.substr(this.at, 1);
                this.at += next.length;
                made += match ? String.fromCharCode(parseInt(next, 8)) : (ESCAPES[next] ?? next);
                continue;
            }
            open += char === "(" ? 1 : char === ")" ? -1 : 0;
            if (open === 0) {
                return made;
            }
            made += char;
        }
    }
}

/** Reads a text of a PDF: UTF-16 or UTF-8 with its mark, else one byte a character. */
function words(text) {
    const data = Uint8Array.from(text, (char) => char.charCodeAt(0));
    for (const [mark, encoding] of [
        ["\xfe\xff", "utf-16be"],
        ["\xef\xbb\xbf", "utf-8"],
    ]) {
        if (text.startsWith(mark)) {
            return new TextDecoder(encoding).decode(data);
        }
    }
    return text;
}

/** One character for each byte, which no decoder of browsers gives for all of them. */
function latin1(data) {
    const pieces = [];
    for (let at = 0; at < data.length; at += 0x8000) {
        pieces.push(String.fromCharCode(...data.subarray(at, at + 0x8000)));
    }
    return pieces.join("");
}
