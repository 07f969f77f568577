/**
 * Walks through the contract: ask for a code, answer it, look at the record, verify it. One step is
 * open after the other. The page holds nothing that the server does not say: after a reload it says
 * it again.
 */
import { SignaturePad } from "./pad.js";
import { isGood, read, verify } from "./verify.js";

const MODEL = "loan.application";
const OFFLINE = { status: 0 };
const INVALID = "Invalid or expired OTP";
/** Why the later steps are closed. */
const NOT_YET = {
    sign: "Not yet: it opens when a code was sent.",
    signed: "Not yet: it opens when the field is signed, or its newest signature is shown.",
};

const parts = Object.fromEntries(
    [...document.querySelectorAll("[id]")].map((part) => [part.id, part]),
);
const pad = new SignaturePad(parts);
/** The code that was asked for last, and what is shown: the record and what it must be about. */
const state = {
    generation: null,
    busy: false,
    record: "",
    keys: {},
    expected: {},
    round: 0,
};

parts.ask.addEventListener("submit", (event) => alone(event, send));
parts.sign.addEventListener("submit", (event) => alone(event, answer));
parts.again.addEventListener("click", (event) => alone(event, send));
parts.look.addEventListener("click", (event) => alone(event, look));
for (const title of document.querySelectorAll(".step > summary")) {
    title.addEventListener("click", (event) => {
        if (title.getAttribute("aria-disabled") === "true") {
            event.preventDefault(); // the space bar and the enter key come as clicks too
        }
    });
}
parts.restore.addEventListener("click", () => {
    parts.text.value = state.record;
    judge();
});
parts.text.addEventListener("input", judge);
// Not on `change`, which comes between the two halves of a click: what it takes away would move the
// button from under the finger.
for (const choice of [parts.user, parts.field, parts.record]) {
    choice.addEventListener("input", forget);
}
forget();

/** Does one thing at a time: a second click is no second request. */
async function alone(event, job) {
    event.preventDefault();
    if (state.busy) {
        return;
    }
    busy(true);
    try {
        await job();
    } finally {
        busy(false);
    }
}

/** Not `disabled`: it would take the focus away from who has just pressed it. */
function busy(is) {
    state.busy = is;
    parts.page.setAttribute("aria-busy", String(is));
    for (const button of [parts.send, parts.look, parts.submit, parts.again]) {
        button.setAttribute("aria-disabled", String(is));
    }
}

/** What was said about another record or user is about neither any more. */
function forget() {
    Object.assign(state, { generation: null });
    stand("ask", "now", "");
    stand("sign", "closed", NOT_YET.sign);
    stand("signed", "closed", NOT_YET.signed);
    drawing("drawn" in parts.field.selectedOptions[0].dataset);
    tell("none", "");
}

/** Says how a step stands: "now", "done", or "closed", which nobody can open. */
function stand(name, how, about) {
    const step = parts[`step-${name}`];
    step.dataset.state = how;
    step.open &&= how !== "closed";
    parts[name].hidden = how === "closed";
    parts[`${name}-title`].setAttribute("aria-disabled", String(how === "closed"));
    parts[`${name}-about`].textContent = about;
}

/** Opens a step, and closes the others; whoever wants to can open them again. */
function open(name) {
    for (const step of document.querySelectorAll(".step")) {
        step.open = step === parts[`step-${name}`];
    }
}

/** Shows the pad where a signature image is asked for; where none is, none is sent. */
function drawing(is) {
    parts.drawing.hidden = !is;
    if (!is) {
        pad.clear();
    }
}

function chosen() {
    const [user, field] = [parts.user, parts.field].map((part) => part.selectedOptions[0].text);
    return `${user.trim()}; ${field.trim()} of application ${parts.record.value.trim()}.`;
}

async function send() {
    if (!mark(parts.record, /^[0-9]{1,9}$/.test(parts.record.value.trim()))) {
        tell("bad", "Type the number of a loan application, such as 15.");
        return;
    }
    const result = await ask("send_esms_otp");
    if (result.status !== 200) {
        tell("bad", why(result));
        return;
    }
    state.generation = result.esms_otp_generation_id;
    const again =
        result.retry_after === undefined
            ? ""
            : ` Another one can be sent in ${wait(result.retry_after)}.`;
    tell(
        "good",
        again
            ? `The code was already sent.${again}`
            : "The code was sent. Look for it in the outbox.",
    );
    const { recipient_mobile: number, expiration_time: until } = result;
    parts.sent.replaceChildren(`To ${number}, valid until `, time(until), ".");
    stand("ask", "done", `Done: ${chosen()}`);
    stand("sign", "now", "");
    open("sign");
    parts.code.focus();
}

async function answer() {
    if (!state.generation) {
        tell("bad", "This code was used. Ask for another one.");
        parts.again.focus();
        return;
    }
    if (!mark(parts.code, parts.code.value.trim() !== "")) {
        tell("bad", "Type the code from the message.");
        return;
    }
    const image = pad.image();
    const result = await ask("verify_esms_otp", {
        otp: parts.code.value,
        ...(parts.name.value.trim() ? { signer_name: parts.name.value } : {}),
        ...(image ? { signature: image } : {}),
        esms_otp_generation_id: state.generation,
    });
    if (result.status === 200) {
        state.generation = null;
        mark(parts.code, true);
        stand("sign", "done", "Done: the code was accepted, and is used.");
        await show("Signed. Your browser verified the record.", parts.user.value);
        parts.sign.reset();
        pad.clear();
        return;
    }
    tell("bad", why(result));
    if (/^signature /.test(result.message || "")) {
        drawing(true); // whatever the page knew of the field
        parts.file.focus(); // the code is still good
        return;
    }
    mark(parts.code, result.status !== 400);
    parts.code.value = "";
    parts.code.focus();
}

async function look() {
    await show("This is the newest signature. Your browser verified its record.");
}

/** Shows the newest signature, and judges its record; anybody's, unless a user is named. */
async function show(good, user) {
    const expected = { model: MODEL, field: parts.field.value, record: parts.record.value.trim() };
    const [result, more, keys] = await Promise.all([
        ask("get_esms_otp_signature"),
        ask("get_esms_otp_disclosures"),
        fetched(),
    ]);
    if (result.status !== 200) {
        stand("signed", "closed", NOT_YET.signed);
        open("ask");
        parts.look.focus();
        tell("bad", why(result));
        return;
    }
    const image = result.signature
        ? Uint8Array.from(atob(result.signature), (char) => char.charCodeAt(0))
        : null;
    // Of the same record: another signature may have come between the two answers.
    const isSame = more.signature_record === result.signature_record;
    const disclosures = isSame ? more.signature_disclosures : [];
    state.record =
        [result.signature_record, ...disclosures].join("~") + (disclosures.length ? "~" : "");
    state.keys = keys;
    state.expected = {
        ...expected,
        image,
        user,
        generation: result.esms_otp_generation_id,
    };
    parts.signer.textContent = result.signer_name || "(no name was given)";
    parts.at.replaceChildren(time(result.verified_at));
    parts.generation.textContent = result.esms_otp_generation_id;
    parts.image.hidden = !image;
    if (image) {
        const kind = image[0] === 0xff ? "jpeg" : "png";
        parts.image.src = `data:image/${kind};base64,${result.signature}`;
    }
    parts.text.value = state.record;
    stand("ask", "done", `Done: ${chosen()}`);
    stand("signed", "done", `Signed by ${parts.signer.textContent}.`);
    open("signed");
    if (await judge()) {
        tell("good", good);
    } else {
        tell(
            "bad",
            "The record is there, but your browser could not confirm all of it: see below.",
        );
    }
    parts["signed-title"].focus();
}

/** Verifies what stands in the textarea, and says whether it is good; the last call wins. */
async function judge() {
    const round = (state.round += 1);
    const text = parts.text.value;
    const checks = await verify(text, state.keys, state.expected);
    if (round !== state.round) {
        return false;
    }
    const good = isGood(checks);
    const unknown = checks.some(
        (one) => one.claim === "the signature is good" && one.holds === null,
    );
    parts.verdict.dataset.kind = good ? "good" : "bad";
    parts.verdict.textContent = good
        ? "Valid: every check that can be made holds."
        : unknown
          ? "Not verified: this browser has no Ed25519."
          : "Invalid: this record is not what was signed, or not what is expected.";
    parts.checks.replaceChildren(...checks.map(line));
    describe(text);
    return good;
}

function line({ claim, holds, why }) {
    const item = document.createElement("li");
    const word = document.createElement("b");
    item.dataset.kind = holds === null ? "none" : holds ? "good" : "bad";
    word.textContent = holds === null ? "Not checked: " : holds ? "Yes: " : "No: ";
    item.append(word, claim, why ? ` (${why})` : "");
    return item;
}

function describe(text) {
    let record;
    try {
        record = read(text);
    } catch {
        record = { header: "-", payload: "-", disclosures: [] };
    }
    const pretty = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));
    parts.header.textContent = pretty(record.header);
    parts.payload.textContent = pretty(record.payload);
    parts.disclosures.textContent =
        record.disclosures.map(({ name, value }) => `${name}: ${pretty(value)}`).join("\n") ||
        "none";
}

/** Asks a route; what is no answer of the contract becomes a result of its own. */
async function ask(route, more = {}) {
    const params = {
        model: MODEL,
        field: parts.field.value,
        id: Number(parts.record.value),
        ...more,
    };
    try {
        const response = await fetch(`api/esms_otp/${route}`, {
            method: "POST",
            headers: { "Content-Type": "application/json", "X-Demo-User": parts.user.value },
            body: JSON.stringify({ jsonrpc: "2.0", method: "call", params }),
        });
        const { result } = await response.json();
        return result || { status: response.status, message: "the request was not understood" };
    } catch {
        return OFFLINE;
    }
}

async function fetched() {
    try {
        return await (await fetch(".well-known/jwks.json")).json();
    } catch {
        return {};
    }
}

/** Says in plain words why something was not done. */
function why({ status, message, attempts_left, retry_after, esms_otp_response_status, reference }) {
    const later = retry_after ? ` Try again in ${wait(retry_after)}.` : "";
    switch (status) {
        case 0:
            return "The server cannot be reached.";
        case 400:
            if (attempts_left !== undefined) {
                return `This code is wrong or no longer valid. Attempts left: ${attempts_left}.`;
            }
            return message === INVALID
                ? "This code is wrong or no longer valid. Ask for another one."
                : `The request was refused: ${message}.`;
        case 403:
            return "This user may not sign this.";
        case 404:
            return `${message}.`;
        case 423:
            return `Too many wrong attempts.${later}`;
        case 429:
            return `No code can be sent now.${later}`;
        case 502:
            return esms_otp_response_status
                ? "The message could not be sent."
                : "It is not known whether the message was sent. If it arrives, its code is good.";
        default:
            return reference
                ? `Something went wrong here, reference ${reference}.`
                : `The server answered ${status}.`;
    }
}

/** Shows the server's time, `2024-05-15 10:03:00` in UTC, as it is where the browser is. */
function time(text) {
    const element = document.createElement("time");
    element.dateTime = `${text.replace(" ", "T")}Z`;
    // "full" names the zone.
    const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "full" });
    element.lang = format.resolvedOptions().locale;
    element.textContent = format.format(new Date(element.dateTime));
    return element;
}

function wait(seconds) {
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function mark(field, good) {
    field.setAttribute("aria-invalid", String(!good));
    if (!good) {
        field.focus();
    }
    return good;
}

function tell(kind, message) {
    parts.message.dataset.kind = kind;
    parts.message.textContent = message;
}
