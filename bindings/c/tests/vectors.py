"""Makes the tables of vectors.c, vectors.h, of the files in tests/vectors; prints how many vectors they hold.

vectors.py TABLES [--change FILE/MEMBER/..]: with the latter one byte of that text is another, and vectors.c
must fail.
"""

import base64
import json
import pathlib
import sys

FILES = pathlib.Path(__file__).resolve().parents[3] / "tests" / "vectors"
NOTHING = "{NULL, 0}"
TARGET = ("tenant", "purpose", "model", "field", "record", "user")

lines: list[str] = []
count = 0


def read(name: str):
    """A vector file, in which the byte that is to be changed is."""
    value = json.loads((FILES / name).read_text())
    if len(sys.argv) > 3 and sys.argv[3].startswith(f"{name}/"):
        *path, last = [int(part) if part.isdigit() else part for part in sys.argv[3][len(name) + 1 :].split("/")]
        of = value
        for part in path:
            of = of[part]
        text, middle = of[last], len(of[last]) // 2
        of[last] = text[:middle] + ("3" if text[middle] == "2" else "2") + text[middle + 1 :]
    return value


def view(data: bytes) -> str:
    """A view of these bytes, which are written first; of none where there are none."""
    if not data:
        return NOTHING
    name = f"bytes_{len(lines)}"
    lines.append(f"static const uint8_t {name}[] = {{{','.join(map(str, data))}}};")
    return f"{{{name}, sizeof {name}}}"


def text(value: str | None) -> str:
    return view((value or "").encode())


def hexadecimal(value: str | None) -> str:
    return view(bytes.fromhex(value or ""))


def constant(name: str, value: str) -> None:
    lines.append(f"static const otp_view {name} = {value};")


def table(of: str, name: str, rows: list[tuple], are_vectors: bool = True) -> str:
    """Writes a table, and returns how a row of another one refers to it."""
    global count
    assert rows, f"{name} is empty"
    body = "".join(f"    {{{', '.join(map(str, row))}}},\n" for row in rows)
    lines.append(f"static const {of} {name}[] = {{\n{body}}};")
    count += len(rows) if are_vectors else 0
    return f"{name}, sizeof {name} / sizeof {name}[0]"


def cells(name: str, of: list[dict]) -> str:
    def row(cell: dict) -> tuple:
        end = cell.get("discard_after")
        key, body = hexadecimal(cell["key"]), hexadecimal(cell["body"])
        return key, cell["version"], int(end is not None), end or 0, body

    return table("vector_cell", name, [row(cell) for cell in of], are_vectors=False)


def binding(of: dict) -> tuple:
    kind = "email" if of.get("mobile") is None else "mobile"
    return (
        *(text(of[name]) for name in TARGET),
        text(of[kind]),
        f"OTP_RECIPIENT_{kind.upper()}",
        int(of["guessable"] is True),
        hexadecimal(of["content"]),
        hexadecimal(of["keys"]),
    )


def challenge(number: int, of: dict) -> tuple:
    typed = [
        (hexadecimal(one["typed"]), f"OTP_REJECTION_{(one['rejection'] or 'none').upper()}")
        for one in of["typed"]
    ]
    return (
        text(of["challenge_id"]),
        table("vector_typed", f"typed_{number}", typed),
        cells(f"cells_{number}", of["cells"]),
    )


challenges = read("challenges-v1.json")
golden, stock = read("records/golden-v1.json"), read("records/stock-v1.json")
stored = read("records/store-v1.json")

lines.append(f"static const int64_t vectors_now = {challenges['now']};")
for prefix, of in ("binding", challenges["binding"]), ("golden", golden):
    for name in (*TARGET, "mobile"):
        if isinstance(of.get(name), str):
            constant(f"{prefix}_{name}", text(of[name]))
table("vector_binding", "bindings", [binding(one) for one in challenges["bindings"]])
recipients = [
    (f"OTP_RECIPIENT_{one['kind'].upper()}", text(one["given"]), text(one["sent_to"]))
    for one in challenges["recipients"]
]
table("vector_recipient", "recipients", recipients)
rows = [challenge(number, one) for number, one in enumerate(challenges["challenges"])]
table("vector_challenge", "challenges", rows)

lines.append(f"static const uint64_t golden_count = {golden['count']};")
constant("golden_head", view(base64.urlsafe_b64decode(golden["head"] + "=" * (-len(golden["head"]) % 4))))
constant("golden_keys", text(json.dumps(golden["jwk_set"])))
constant("golden_foreign", text(golden["other_field"]["sd_jwt"]))
constant("golden_hs256", text(golden["hs256"]["record"]["sd_jwt"]))
links = [(text(link["sd_jwt"]), text(link["payload"])) for link in golden["chain"]]
table("vector_record", "golden_records", links)
constant("stock_keys", text(json.dumps(stock["jwk_set"])))
table("vector_record", "stock_records", [(text(made["sd_jwt"]), NOTHING) for made in stock["made"]])
cells("stored_cells", stored["cells"])

pathlib.Path(sys.argv[1]).write_text("\n".join(lines) + "\n")
print(count + len(stored["cells"]))
