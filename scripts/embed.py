#!/usr/bin/env python3
"""Turns text files into a C file: embed.py OUT.c HEADER NAME=PATH … [--schema PATH …]

HEADER declares what OUT.c defines. Each NAME=PATH becomes `const char NAME[]`, NUL-terminated. The migrations
become `aglm_schema[]` in the order of their numbers. Refuses empty files, numbers with a gap, and a migration
that does not set its own user_version, so that a mistake ends the build and not a user's upgrade. Only .txt files
may hold more than ASCII.
"""
import os
import re
import sys


def array(name, data, storage):
    values = ",".join(str(b) if b < 128 else f"'\\x{b:02x}'" for b in data + b"\0")
    lines = re.sub(r"(.{1,95}),", r"\1,\n    ", values + ",")
    return f"{storage}const char {name}[{len(data) + 1}] = {{\n    {lines.rstrip()}\n}};\n"


def read(path):
    with open(path, "rb") as f:
        data = f.read()
    if not data or b"\0" in data:
        sys.exit(f"embed.py: {path}: empty, or not text")
    data.decode("utf-8")
    if any(b > 127 for b in data) and not path.endswith(".txt"):
        sys.exit(f"embed.py: {path}: not ASCII; write &#…; in HTML")
    return data


def main():
    out, header, *rest = sys.argv[1:]
    cut = rest.index("--schema") if "--schema" in rest else len(rest)
    text = [f"/* Made by embed.py; do not edit. */\n#include \"{header}\"\n"]
    for arg in rest[:cut]:
        name, path = arg.split("=", 1)
        text.append(array(name, read(path), ""))
    table = []
    for number, path in enumerate(sorted(rest[cut + 1:], key=os.path.basename), 1):
        data = read(path)
        if not os.path.basename(path).startswith(f"{number:04}_"):
            sys.exit(f"embed.py: {path}: expected number {number:04}")
        if not re.search(rb"^PRAGMA user_version = %d;\s*$" % number, data, re.M):
            sys.exit(f"embed.py: {path}: does not set user_version = {number}")
        text.append(array(f"sql_{number:04}", data, "static "))
        table.append(f"sql_{number:04}")
    if cut < len(rest):
        text.append("const char *const aglm_schema[] = {" + ", ".join(table) + "};\n")
        text.append(f"const int aglm_schema_version = {len(table)};\n")
    with open(out, "w", encoding="ascii") as f:
        f.write("\n".join(text))


main()
