"""Writes src/otp_engine/_bindings.py from include/otp_engine.h; `--verify` compares instead.

Needs gcc and pycparser, at development time alone.
"""

import re
import subprocess
import sys
from pathlib import Path

from pycparser import c_ast, c_parser

HERE = Path(__file__).parent
HEADER = HERE.parents[1] / "include" / "otp_engine.h"
OUT = HERE / "src" / "otp_engine" / "_bindings.py"

PRELUDE = """typedef signed int int32_t; typedef unsigned int uint32_t;
typedef unsigned char uint8_t;
typedef long long int64_t; typedef unsigned long long uint64_t; typedef unsigned long size_t;
"""
PLAIN = {
    "int32_t": "c_int32",
    "uint32_t": "c_uint32",
    "int64_t": "c_int64",
    "uint64_t": "c_uint64",
    "size_t": "c_size_t",
    "uint8_t": "c_uint8",
    "double": "c_double",
    "char": "c_char",
}
HEAD = '''"""Declarations of the C ABI. Generated from include/otp_engine.h by gen_bindings.py."""

# ruff: noqa
# mypy: disable-error-code="misc"
import ctypes
'''


def preprocessed() -> str:
    """Return the header's own declarations, without comments, attributes and system headers."""
    text = re.sub(r"#include <\w+\.h>", "", HEADER.read_text())
    flags = ["-E", "-P", "-x", "c", "-D__attribute__(x)=", "-"]
    done = subprocess.run(["gcc", *flags], input=text, capture_output=True, text=True, check=True)
    return PRELUDE + done.stdout


class Writer:
    """Turns declarations into ctypes."""

    def __init__(self) -> None:
        self.enums: set[str] = set()
        self.structs: set[str] = set()
        self.callbacks: set[str] = set()
        self.lines: list[str] = []
        self.functions: list[str] = []

    def type_of(self, node: c_ast.Node, parameter: bool = False) -> str:
        """Name the ctypes type of a declaration."""
        if isinstance(node, c_ast.PtrDecl):
            inner = node.type
            if isinstance(inner, c_ast.TypeDecl):
                name = "".join(getattr(inner.type, "names", []))
                if name == "char":
                    return "ctypes.c_char_p"
                if parameter and name == "uint8_t" and "const" in inner.quals:
                    return "ctypes.c_char_p"
            return "ctypes.c_void_p"
        if isinstance(node, c_ast.ArrayDecl):
            length = node.dim.value if isinstance(node.dim, c_ast.Constant) else node.dim.name
            return f"ctypes.c_char * {length}"
        name = "".join(getattr(node.type, "names", [])) or node.type.name
        if name in self.structs or name in self.callbacks:
            return name
        if name in self.enums:
            return "ctypes.c_int32"
        if name == "void":
            return "None"
        return f"ctypes.{PLAIN[name]}"

    def arguments(self, function: c_ast.FuncDecl, parameter: bool) -> list[str]:
        """Name the types of the arguments."""
        params = function.args.params if function.args else []
        types = [self.type_of(param.type, parameter) for param in params]
        return [] if types == ["None"] else types

    def node(self, node: c_ast.Node) -> None:
        """Write one declaration."""
        if isinstance(node, c_ast.Typedef):
            inner = node.type
            if isinstance(inner, c_ast.PtrDecl) and isinstance(inner.type, c_ast.FuncDecl):
                function = inner.type
                types = [self.type_of(function.type), *self.arguments(function, False)]
                self.lines.append(f"{node.name} = ctypes.CFUNCTYPE({', '.join(types)})")
                self.callbacks.add(node.name)
            elif isinstance(inner, c_ast.TypeDecl) and isinstance(inner.type, c_ast.Struct):
                if inner.type.decls:
                    self.struct(node.name, inner.type.decls)
            elif node.name.startswith("otp_"):
                self.enums.add(node.name)
        elif isinstance(node, c_ast.Decl) and isinstance(node.type, c_ast.Enum):
            for value in node.type.values.enumerators:
                number = value.value.value if value.value else None
                self.lines.append(f"{value.name} = {number}")
        elif isinstance(node, c_ast.Decl) and isinstance(node.type, c_ast.FuncDecl):
            types = self.arguments(node.type, True)
            restype = self.type_of(node.type.type)
            self.functions.append(f'    ("{node.name}", {restype}, [{", ".join(types)}]),')

    def struct(self, name: str, decls: list[c_ast.Decl]) -> None:
        """Write a structure."""
        self.lines.append(f"\n\nclass {name}(ctypes.Structure):\n    _fields_ = [")
        for decl in decls:
            self.lines.append(f'        ("{decl.name}", {self.type_of(decl.type)}),')
        self.lines.append("    ]\n")
        self.structs.add(name)


def generate() -> str:
    """Return the text of _bindings.py."""
    writer = Writer()
    for name, number in re.findall(r"^#define (OTP_\w+) (\d+)$", HEADER.read_text(), re.M):
        writer.lines.append(f"{name} = {number}")
    for node in c_parser.CParser().parse(preprocessed()).ext:
        writer.node(node)
    functions = "\n".join(writer.functions)
    tail = f'''

FUNCTIONS = [
{functions}
]


def declare(library: ctypes.CDLL) -> None:
    """Give every function its types: without them a pointer loses its upper half."""
    for name, restype, argtypes in FUNCTIONS:
        function = getattr(library, name)
        function.restype = restype
        function.argtypes = argtypes
'''
    return HEAD + "\n".join(writer.lines) + tail


def main() -> int:
    """Write or compare."""
    made = generate()
    if "--verify" not in sys.argv[1:]:
        OUT.write_text(made)
        return 0
    if OUT.read_text() == made:
        return 0
    print("_bindings.py differs from the header: run python gen_bindings.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
