/**
 * The page on which anyone verifies a signature: all of it here, in the browser. Its policy lets it
 * connect to nothing; the server's keys are written into it.
 */
import { filesIn, isPdf } from "./pdf_files.js";
import { isGood, judge, readKeys } from "./record_check.js";

const LARGEST = 64 * 2 ** 20;
const page = document.querySelector("main");
const parts = Object.fromEntries(
    [...document.querySelectorAll("[data-part]")].map((part) => [part.dataset.part, part]),
);
/** With it what was approved names a document. */
const NAMED = '"/document"';
let round = 0;

parts.form.addEventListener("submit", (event) => {
    event.preventDefault();
    check();
});

async function check() {
    const mine = (round += 1);
    page.setAttribute("aria-busy", "true");
    parts.results.replaceChildren();
    try {
        const keys = await givenKeys();
        const judged = await judge(await given(), keys);
        if (mine === round) {
            show(judged, keys);
        }
    } catch (error) {
        if (mine === round) {
            tell("bad", `${text("unreadable")} (${error.message})`);
        }
    } finally {
        page.setAttribute("aria-busy", "false");
    }
    parts.verdict.focus();
}

/** The files that were chosen and the record that was pasted; of a certificate what is in it. */
async function given() {
    const files = [];
    for (const file of parts.certificate.files) {
        const one = await taken(file);
        const inside = isPdf(one.data) ? await filesIn(one.data) : [];
        files.push(...(inside.length ? inside : [one]));
    }
    for (const file of parts.document.files) {
        files.push(await taken(file));
    }
    if (parts.pasted.value.trim()) {
        const data = new TextEncoder().encode(parts.pasted.value);
        files.push({ name: text("pasted"), data });
    }
    return files;
}

async function taken(file) {
    if (file.size > LARGEST) {
        throw new Error(text("too_large"));
    }
    return { name: file.name, data: new Uint8Array(await file.arrayBuffer()) };
}

async function givenKeys() {
    const pasted = parts.keys.value.trim();
    return readKeys(pasted || page.dataset.keys || '{"keys": []}');
}

function show({ records, chains, files }, keys) {
    const broken = chains.flatMap(({ about, checks }) =>
        checks.filter((one) => one.holds === false).map((one) => ({ ...one, about })),
    );
    const failing = [
        ...records.flatMap(({ name, checks }) => {
            const bad = checks.filter((one) => one.holds === false);
            return bad.map((one) => `${name}: ${text(`no_${one.name}`)} ${inside(one)}`.trim());
        }),
        ...files.filter((one) => !one.holds).map((one) => `${one.name}: ${text(`no_${one.is}`)}`),
    ];
    const isIncomplete = !failing.length && broken.every(({ name }) => name === "complete");
    failing.push(
        ...broken.map(({ about, name, why }) => `${about}: ${text(`no_${name}`)} (${why})`),
    );
    const lacking = records.some(({ checks }) =>
        checks.some((one) => one.name === "signature" && one.holds === null),
    );
    if (!records.length) {
        tell("bad", text(files.length ? "no_record" : "nothing"), failing);
    } else if (!keys.keys.length) {
        tell("bad", text("no_keys"));
    } else if (lacking) {
        tell("bad", text("no_ed25519"));
    } else if (failing.length || !records.every(({ checks }) => isGood(checks))) {
        tell("bad", text(failing.length && isIncomplete ? "incomplete" : "invalid"), failing);
    } else {
        tell("good", text(records.length > 1 ? "valid_all" : "valid"));
    }
    parts.results.append(...chains.map(chained), ...records.map(section));
    if (files.length) {
        const list = element("ul");
        list.append(
            ...files.map((one) =>
                item(one.holds, `${one.name}: `, text(`${one.holds ? "is" : "no"}_${one.is}`)),
            ),
        );
        parts.results.append(element("h2", text("files")), list);
    }
}

/** A record: what it says, then what holds of it. */
function section({ name, record, checks, content }) {
    const made = element("section");
    const good = isGood(checks);
    made.className = "record";
    made.dataset.kind = good ? "good" : "bad";
    made.append(element("h2", `${text("record")}: ${name}`));
    if (record) {
        const list = element("dl");
        for (const [label, said] of told(record, content)) {
            list.append(element("dt", label), element("dd", said));
        }
        made.append(element("p", text(good ? "says" : "claims")), list);
    }
    const list = element("ul");
    // What could be checked and is not here must not look as if it had been.
    const lacking = ["signature", "content", ...(content?.includes(NAMED) ? ["document"] : [])];
    const toldOf = checks.filter((one) => one.holds !== null || lacking.includes(one.name));
    list.append(
        ...toldOf.map(({ name: part, holds, why }) =>
            item(holds, "", text(`${holds === false ? "no" : "is"}_${part}`), why),
        ),
    );
    made.append(element("h3", text("checks")), list);
    return made;
}

/** The chain of several records of one field: which are here, and whether they follow each other. */
function chained({ about, numbers, checks }) {
    const made = element("section");
    made.className = "record";
    made.dataset.kind = checks.some((one) => one.holds === false) ? "bad" : "good";
    const list = element("ul");
    list.append(
        ...checks.map(({ name, holds, why }) =>
            item(holds, "", text(`${holds === false ? "no" : "is"}_${name}`), why),
        ),
    );
    made.append(
        element("h2", `${text("chain")}: ${about}`),
        element("p", `${text("numbers")}: ${numbers}`),
        list,
    );
    return made;
}

/** Who, when, what and how, in words. */
function told({ payload, disclosures }, content) {
    const detail = (name) => disclosures.find((one) => one.name === name)?.value;
    const { who, otp, ref, doc } = payload;
    const said = [
        ["who", [detail("typed"), detail("name")].filter(Boolean).join(", ") || text("withheld")],
        ["user", who?.user],
        ["when", moment(payload.iat)],
        ["what", [ref?.model, ref?.record, ref?.field].join(", ")],
        ["sentence", payload.txt],
        ["to", detail("number") ?? detail("email") ?? text("withheld")],
        ["sent", moment(otp?.sent)],
        ["tries", otp?.tries],
        ["reference", otp?.id && `gen_${otp.id}`],
        ["digest", doc?.dig ?? detail("dig")],
    ];
    const labelled = said
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => [text(`label_${name}`), String(value)]);
    return content === null ? labelled : [...labelled, [text("label_content"), content]];
}

/** Which part of a record cannot be read. */
function inside({ name, why }) {
    return name === "form" && why ? `(${why})` : "";
}

function moment(seconds) {
    if (!Number.isSafeInteger(seconds) || seconds > 8e12) {
        return undefined;
    }
    const at = new Date(1000 * seconds);
    const lang = document.documentElement.lang || undefined;
    const local = at.toLocaleString(lang, { dateStyle: "long", timeStyle: "long" });
    return `${local} (${at.toISOString().replace("T", " ").replace(".000Z", "")} UTC)`;
}

function item(holds, lead, claim, why = "") {
    const made = element("li", "");
    made.dataset.kind = holds === null ? "none" : holds ? "good" : "bad";
    const word = element("b", `${text(holds === null ? "not_checked" : holds ? "yes" : "no")}: `);
    made.append(word, lead, claim, why && !holds ? ` (${why})` : "");
    return made;
}

function tell(kind, said, failing = []) {
    parts.verdict.hidden = false;
    parts.verdict.dataset.kind = kind;
    const list = element("ul");
    list.append(...failing.map((one) => element("li", one)));
    parts.verdict.replaceChildren(element("strong", said), ...(failing.length ? [list] : []));
}

function element(tag, said = "") {
    const made = document.createElement(tag);
    made.textContent = said;
    return made;
}

function text(name) {
    return parts.texts.querySelector(`[data-text=${name}]`)?.textContent ?? name;
}
