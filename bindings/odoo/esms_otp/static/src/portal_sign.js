/**
 * The page on which a record field is signed by a one-time code. It asks the three routes and holds
 * nothing that they do not say: after a reload they say it again.
 */
import { SignaturePad } from "./signature_pad";

const ROUTES = {
    send: "/api/esms_otp/send_esms_otp",
    verify: "/api/esms_otp/verify_esms_otp",
    get: "/api/esms_otp/get_esms_otp_signature",
};
const SESSION_EXPIRED = 100;
const OFFLINE = { status: 0 };
const OURS = {
    "OTP is not allowed on this field": "forbidden",
    "You may not sign this field": "forbidden",
    "This is signed already": "already_signed",
};

class SignPage {
    constructor(root) {
        this.root = root;
        this.given = root.dataset;
        this.parts = {};
        for (const part of root.querySelectorAll("[data-part]")) {
            this.parts[part.dataset.part] = part;
        }
        this.pad = new SignaturePad(this.parts);
        this.generation = null;
        this.expiresAt = null;
        this.nextSendAt = null;
        this.busy = false;
        this.parts.send.addEventListener("click", () => this.alone(() => this.send()));
        this.parts.form.addEventListener("submit", (event) => {
            event.preventDefault();
            this.alone(() => this.verify());
        });
        this.parts.again.addEventListener("click", () => {
            this.showForm();
            this.parts.send.focus();
        });
        setInterval(() => this.tick(), 250);
        this.alone(() => this.load());
    }

    /** Does one thing at a time: a second click is no second request. */
    async alone(job) {
        if (this.busy) {
            return;
        }
        this.busy = true;
        this.root.setAttribute("aria-busy", "true");
        this.tick();
        try {
            await job();
        } finally {
            this.busy = false;
            this.root.removeAttribute("aria-busy");
            this.tick();
        }
    }

    async load() {
        const { result } = await this.ask("get");
        if (result.status === 200) {
            this.showSigned(result);
        } else {
            this.showForm();
            if (result.status !== 404) {
                this.tell("danger", this.why(result));
            }
        }
    }

    async send() {
        const wait = seconds(this.nextSendAt);
        if (wait) {
            this.tell("info", this.text("next_send", { time: clock(wait) }));
            return;
        }
        const url = this.given.redirectUrl;
        const { result, serverNow } = await this.ask("send", url ? { redirect_url: url } : {});
        if (result.status === 200) {
            const fresh = result.retry_after === undefined;
            this.waitToSend(fresh ? Number(this.given.cooldown) : result.retry_after);
            this.generation = result.esms_otp_generation_id;
            this.expiresAt = Date.now() + (instant(result.expiration_time) - serverNow);
            this.parts.sent_to.textContent = this.text("sent_to", {
                number: result.recipient_mobile,
            });
            this.tell("success", this.text(fresh ? "sent" : "already_sent"));
            this.parts.code.focus();
            return;
        }
        if (result.status === 502 && !result.esms_otp_response_status) {
            this.waitToSend(Number(this.given.cooldown));
        } else if (result.retry_after) {
            this.waitToSend(result.retry_after);
        }
        this.tell("danger", this.why(result));
    }

    async verify() {
        const { code, name, file } = this.parts;
        const digits = (code.value.match(/\p{Nd}/gu) || []).length;
        this.mark(code, digits !== Number(this.given.digits));
        if (digits !== Number(this.given.digits)) {
            this.tell("danger", this.text("no_code", { digits: this.given.digits }));
            code.focus();
            return;
        }
        const image = this.pad.image();
        if (!image && this.given.imageRequired) {
            this.tell("danger", this.text("no_image"));
            file.focus();
            return;
        }
        this.tell("info", this.text("verifying"));
        const { result } = await this.ask("verify", {
            otp: code.value,
            signer_name: name.value,
            ...(image ? { signature: image } : {}),
            ...(this.generation ? { esms_otp_generation_id: this.generation } : {}),
        });
        if (result.status === 200) {
            await this.signed(result.redirect_url);
        } else if (result === OFFLINE && (await this.wasSigned())) {
            await this.signed(this.given.redirectUrl); // the answer alone was lost
        } else {
            this.mark(code, result.attempts_left !== undefined);
            this.tell("danger", this.why(result));
            code.value = "";
            code.focus();
        }
    }

    async wasSigned() {
        const { result } = await this.ask("get");
        return this.generation !== null && result.esms_otp_generation_id === this.generation;
    }

    async signed(url) {
        const { result } = await this.ask("get");
        this.generation = this.expiresAt = null;
        this.parts.form.reset();
        this.pad.clear();
        if (result.status !== 200) {
            this.tell("danger", this.why(result));
            return;
        }
        this.parts.continue.hidden = !url;
        if (url) {
            this.parts.continue.href = url;
        }
        this.showSigned(result);
        if (this.parts.stale) {
            this.parts.stale.hidden = true; // it told of the signature before
        }
        this.tell("success", this.text("signed"));
        this.root.querySelector("#o_esms_otp_signed").focus();
    }

    /** Asks a route; logged out, offline and broken answers become results of their own. */
    async ask(route, more = {}) {
        const { model, field, id } = this.given;
        const params = { model, field, id: Number(id), ...more };
        try {
            const response = await fetch(ROUTES[route], {
                method: "POST",
                headers: { "Content-Type": "application/json" },
                body: JSON.stringify({ jsonrpc: "2.0", method: "call", params }),
            });
            const { result, error } = await response.json();
            // The server's clock: that of the phone may be wrong by minutes.
            const serverNow = Date.parse(response.headers.get("Date")) || Date.now();
            if (error && error.code === SESSION_EXPIRED) {
                return { result: { status: 401 }, serverNow };
            }
            return { result: result || { status: 500, reference: "-" }, serverNow };
        } catch {
            return { result: OFFLINE, serverNow: Date.now() };
        }
    }

    /** Says in plain words why something was not done. */
    why(result) {
        const said = [];
        switch (result.status) {
            case 0:
                said.push(this.text("offline"));
                break;
            case 400:
                if (result.attempts_left !== undefined) {
                    said.push(this.text("wrong"));
                    said.push(this.text("attempts_left", { count: result.attempts_left }));
                } else if (result.message === "Invalid or expired OTP") {
                    said.push(this.text("wrong"), this.text("ask_again"));
                } else if (/^signature /.test(result.message)) {
                    said.push(this.text("bad_image"));
                } else if (/^otp /.test(result.message)) {
                    said.push(this.text("no_code", { digits: this.given.digits }));
                } else {
                    said.push(this.text("refused", { message: result.message }));
                }
                break;
            case 401:
                said.push(this.text("logged_out"));
                break;
            case 403: // in the record's own words, or in one of ours
                said.push(OURS[result.message] ? this.text(OURS[result.message]) : result.message);
                break;
            case 404:
                said.push(this.text("gone"));
                break;
            case 423:
                said.push(this.text("locked"));
                if (!result.retry_after) {
                    said.push(this.text("unlock"));
                }
                break;
            case 429:
                said.push(this.text("too_many"));
                break;
            case 502:
                said.push(this.text(result.esms_otp_response_status ? "not_sent" : "perhaps_sent"));
                break;
            default:
                said.push(this.text("failed", { reference: result.reference }));
        }
        if (result.retry_after) {
            said.push(this.text("retry_after", { time: clock(result.retry_after) }));
        }
        return said.join(" ");
    }

    showForm() {
        this.parts.signed.hidden = true;
        this.parts.form.hidden = false;
    }

    showSigned(result) {
        this.parts.form.hidden = true;
        this.parts.signed.hidden = false;
        this.parts.signed_by.textContent = result.signer_name || "-";
        const at = new Date(instant(result.verified_at));
        this.parts.signed_at.dateTime = at.toISOString();
        this.parts.signed_at.textContent = localTime(at);
        this.parts.signed_id.textContent = result.esms_otp_generation_id;
        this.parts.signed_image.hidden = !result.signature;
        if (result.signature) {
            const kind = result.signature.startsWith("/9j/") ? "jpeg" : "png";
            this.parts.signed_image.src = `data:image/${kind};base64,${result.signature}`;
        }
    }

    tick() {
        const { send, submit, expiry, next_send } = this.parts;
        const left = seconds(this.expiresAt);
        if (this.expiresAt === null) {
            show(expiry, "");
        } else {
            show(expiry, left ? this.text("expires", { time: clock(left) }) : this.text("expired"));
        }
        const wait = seconds(this.nextSendAt);
        show(next_send, wait ? this.text("next_send", { time: clock(wait) }) : "");
        // Not `disabled`: it would take the focus away from who has just pressed it.
        send.setAttribute("aria-disabled", String(this.busy || wait > 0));
        send.classList.toggle("disabled", this.busy || wait > 0);
        submit.setAttribute("aria-disabled", String(this.busy));
    }

    waitToSend(count) {
        this.nextSendAt = Date.now() + 1000 * count;
    }

    mark(field, wrong) {
        field.classList.toggle("is-invalid", wrong);
        field.setAttribute("aria-invalid", String(wrong));
    }

    tell(kind, message) {
        this.parts.message.className = `alert alert-${kind}`;
        this.parts.message.textContent = message;
    }

    text(name, values = {}) {
        const template = this.parts.texts.querySelector(`[data-text=${name}]`).textContent;
        return template.replace(/\{(\w+)\}/g, (_, key) => values[key]);
    }
}

/** Reads the contract's times: UTC, `2024-05-15 10:03:00`. */
function instant(time) {
    return Date.parse(`${time.replace(" ", "T")}Z`);
}

function localTime(at) {
    try {
        return at.toLocaleString(document.documentElement.lang);
    } catch {
        return at.toLocaleString(); // the page names no language, or none that browsers know
    }
}

function seconds(until) {
    return until === null ? 0 : Math.max(0, Math.ceil((until - Date.now()) / 1000));
}

function clock(count) {
    const [hours, rest] = [Math.floor(count / 3600), count % 3600];
    const pair = (number) => String(number).padStart(2, "0");
    const short = `${Math.floor(rest / 60)}:${pair(rest % 60)}`;
    return hours ? `${hours}:${pair(Math.floor(rest / 60))}:${pair(rest % 60)}` : short;
}

/** Writes only what changed: screen readers and selections notice each write. */
function show(part, text) {
    if (part.textContent !== text) {
        part.textContent = text;
    }
}

for (const root of document.querySelectorAll(".o_esms_otp")) {
    new SignPage(root);
}
