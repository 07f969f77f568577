// SPDX-License-Identifier: MIT OR Apache-2.0
/**
 * The captured signature: drawn, written from the name, or a picture that is chosen. The portal of
 * the addon and the page of the reference service show this one file.
 */

const MAX_BYTES = 2 ** 20;
const MAX_SIDE = 1200;
const MIN_SIDE = 8; // of a side, in pixels: smaller ones are refused
const INK = "#00008b";

export class SignaturePad {
    /** @param parts the elements `pad`, `preview`, `file`, `name`, `clear` and `write` */
    constructor(parts) {
        this.parts = parts;
        this.brush = parts.pad.getContext("2d");
        this.last = null;
        parts.pad.addEventListener("pointerdown", (event) => {
            this.last = this.where(event);
            parts.pad.setPointerCapture(event.pointerId);
            this.draw(event); // a tap is a dot
        });
        parts.pad.addEventListener("pointermove", (event) => this.draw(event));
        for (const end of ["pointerup", "pointercancel"]) {
            parts.pad.addEventListener(end, () => (this.last = null));
        }
        parts.clear.addEventListener("click", () => this.clear());
        parts.write.addEventListener("click", () => this.write());
        parts.file.addEventListener("change", () => this.choose());
        this.clear();
    }

    /** Returns the picture as a data URL, or null. */
    image() {
        return this.chosen || (this.inked ? this.parts.pad.toDataURL("image/png") : null);
    }

    clear() {
        const { pad, file } = this.parts;
        this.brush.fillStyle = "#fff";
        this.brush.fillRect(0, 0, pad.width, pad.height);
        file.value = "";
        this.inked = false;
        this.show(null);
    }

    draw(event) {
        if (!this.last) {
            return;
        }
        const to = this.where(event);
        Object.assign(this.brush, { strokeStyle: INK, lineWidth: 4, lineCap: "round" });
        this.brush.beginPath();
        this.brush.moveTo(...this.last);
        this.brush.lineTo(...to);
        this.brush.stroke();
        this.last = to;
        this.inked = true;
    }

    /** For those who cannot draw: the typed name, as large as it fits. */
    write() {
        const { pad, name } = this.parts;
        const text = name.value.trim();
        this.clear();
        if (!text) {
            name.focus();
            return;
        }
        Object.assign(this.brush, { fillStyle: INK, textAlign: "center", textBaseline: "middle" });
        this.brush.font = "italic 72px cursive";
        this.brush.fillText(text, pad.width / 2, pad.height / 2, pad.width - 40);
        this.inked = true;
    }

    async choose() {
        const [file] = this.parts.file.files;
        try {
            this.show(file ? await fitting(file) : null);
        } catch {
            this.parts.file.value = ""; // not an image: what is missing is said on submit
            this.show(null);
        }
    }

    show(url) {
        const { pad, preview } = this.parts;
        this.chosen = url;
        preview.hidden = !url;
        pad.hidden = Boolean(url);
        if (url) {
            preview.src = url;
        }
    }

    where(event) {
        const { pad } = this.parts;
        const box = pad.getBoundingClientRect();
        return [
            ((event.clientX - box.left) * pad.width) / box.width,
            ((event.clientY - box.top) * pad.height) / box.height,
        ];
    }
}

/** Returns a small picture as it is. Photos are too large, and say where they were taken: drawn anew. */
async function fitting(file) {
    const isSmall = ["image/png", "image/jpeg"].includes(file.type) && file.size <= MAX_BYTES;
    return isSmall && !(await hasMetadata(file)) ? dataUrl(file) : redrawn(file);
}

/** Whether a picture has metadata, Exif or XMP, which may say where it was taken: such a one is refused. */
async function hasMetadata(file) {
    const text = new TextDecoder("latin1").decode(await file.arrayBuffer());
    return /Exif\0\0|eXIf|ns\.adobe\.com|adobe\.xmp/.test(text);
}

function dataUrl(file) {
    return new Promise((resolve, reject) => {
        const reader = new FileReader();
        reader.onload = () => resolve(reader.result);
        reader.onerror = () => reject(reader.error);
        reader.readAsDataURL(file);
    });
}

async function redrawn(file) {
    const bitmap = await createImageBitmap(file);
    const canvas = document.createElement("canvas");
    const brush = canvas.getContext("2d");
    for (let side = MAX_SIDE; ; side /= 2) {
        const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
        canvas.width = Math.max(MIN_SIDE, Math.round(bitmap.width * scale));
        canvas.height = Math.max(MIN_SIDE, Math.round(bitmap.height * scale));
        brush.fillStyle = "#fff";
        brush.fillRect(0, 0, canvas.width, canvas.height);
        brush.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
        const url = canvas.toDataURL("image/jpeg", 0.85);
        if ((url.length * 3) / 4 <= MAX_BYTES) {
            return url;
        }
    }
}
