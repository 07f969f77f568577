/** The captured signature: drawn, written from the name, or uploaded. */

const MAX_BYTES = 2 ** 20;
const MAX_SIDE = 1200;
const MIN_SIDE = 8; // of a side, in pixels: smaller ones are refused
const INK = "#00008b";

export class SignaturePad {
    constructor(parts) {
        this.canvas = parts.pad;
        this.preview = parts.preview;
        this.file = parts.file;
        this.name = parts.name;
        this.brush = this.canvas.getContext("2d");
        this.uploaded = null;
        this.inked = false;
        this.last = null;
        this.canvas.addEventListener("pointerdown", (event) => this.begin(event));
        this.canvas.addEventListener("pointermove", (event) => this.draw(event));
        for (const end of ["pointerup", "pointercancel"]) {
            this.canvas.addEventListener(end, () => (this.last = null));
        }
        parts.clear.addEventListener("click", () => this.clear());
        parts.write.addEventListener("click", () => this.write());
        this.file.addEventListener("change", () => this.upload());
        this.clear();
    }

    /** Returns the image as a data URL, or null. */
    image() {
        return this.uploaded || (this.inked ? this.canvas.toDataURL("image/png") : null);
    }

    clear() {
        this.brush.fillStyle = "#fff";
        this.brush.fillRect(0, 0, this.canvas.width, this.canvas.height);
        this.file.value = "";
        this.inked = false;
        this.accept(null);
    }

    begin(event) {
        this.last = this.where(event);
        this.canvas.setPointerCapture(event.pointerId);
        this.draw(event); // a tap is a dot
    }

    draw(event) {
        if (!this.last) {
            return;
        }
        const to = this.where(event);
        Object.assign(this.brush, { strokeStyle: INK, lineWidth: 3, lineCap: "round" });
        this.brush.beginPath();
        this.brush.moveTo(...this.last);
        this.brush.lineTo(...to);
        this.brush.stroke();
        this.last = to;
        this.inked = true;
    }

    /** For who cannot draw: the typed name, as large as it fits. */
    write() {
        const name = this.name.value.trim();
        this.clear();
        if (!name) {
            this.name.focus();
            return;
        }
        const { width, height } = this.canvas;
        Object.assign(this.brush, { fillStyle: INK, textAlign: "center", textBaseline: "middle" });
        this.brush.font = "italic 72px cursive";
        this.brush.fillText(name, width / 2, height / 2, width - 40);
        this.inked = true;
    }

    async upload() {
        const [file] = this.file.files;
        if (!file) {
            return this.accept(null);
        }
        const kinds = ["image/png", "image/jpeg"];
        try {
            const small = kinds.includes(file.type) && file.size <= MAX_BYTES;
            const asItIs = small && !(await saysMore(file));
            this.accept(await (asItIs ? dataUrl(file) : shrunk(file)));
        } catch {
            this.accept(null); // not an image: what is missing is said on submit
            this.file.value = "";
        }
    }

    accept(url) {
        this.uploaded = url;
        this.preview.hidden = !url;
        this.canvas.hidden = Boolean(url);
        if (url) {
            this.preview.src = url;
        }
    }

    where(event) {
        const box = this.canvas.getBoundingClientRect();
        return [
            ((event.clientX - box.left) * this.canvas.width) / box.width,
            ((event.clientY - box.top) * this.canvas.height) / box.height,
        ];
    }
}

function dataUrl(file) {
    return new Promise((resolve, reject) => {
        const reader = new FileReader();
        reader.onload = () => resolve(reader.result);
        reader.onerror = () => reject(reader.error);
        reader.readAsDataURL(file);
    });
}

/** Whether a picture has metadata, Exif or XMP, which may say where it was taken: such a one is refused. */
async function saysMore(file) {
    const text = new TextDecoder("latin1").decode(await file.arrayBuffer());
    return /Exif\0\0|eXIf|ns\.adobe\.com|adobe\.xmp/.test(text);
}

/** Photos of phones have many megabytes, and say where they were taken: drawn anew they do not. */
async function shrunk(file) {
    const bitmap = await createImageBitmap(file);
    const scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(MIN_SIDE, Math.round(bitmap.width * scale));
    canvas.height = Math.max(MIN_SIDE, Math.round(bitmap.height * scale));
    const brush = canvas.getContext("2d");
    brush.fillStyle = "#fff";
    brush.fillRect(0, 0, canvas.width, canvas.height);
    brush.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return canvas.toDataURL("image/jpeg", 0.85);
}
