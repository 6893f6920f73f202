#!/usr/bin/python3
"""Put the reference of what a program prints as JSON into a manual page.

usage: manual_schema.py TEMPLATE SCHEMA.json...      (the page goes to standard output)
The line @SCHEMAS@ of the template becomes one section for each schema (JSON Schema 2020-12), in the order of the
arguments, so that the manual knows the members that the tests hold the program to.
"""
import json
import pathlib
import re
import sys

MARK = "@SCHEMAS@"
NAMES = {"string": "text", "integer": "number", "boolean": "true or false", "array": "array", "object": "object"}


def escape(text):
    return re.sub(r"([*_\\#])", r"\\\1", text)


def resolve(node, path):
    """What a reference to a part of the same file stands for; others keep their name."""
    reference = node.get("$ref", "")
    if reference.startswith("#/"):
        with open(path, encoding="utf-8") as file:
            whole = json.load(file)
        for part in reference[2:].split("/"):
            whole = whole[part]
        return {**whole, **{key: value for key, value in node.items() if key != "$ref"}}
    return node


def kind(node):
    if "$ref" in node:
        return f"as {pathlib.Path(node['$ref']).stem.replace('-', ' ')}"
    if "enum" in node:
        return " or ".join(f'"{word}"' for word in node["enum"])
    if node.get("format") == "date-time":
        return "time"
    if isinstance(node["type"], list):
        return " or ".join("null" if one == "null" else NAMES[one] for one in node["type"])
    if node["type"] == "array":
        inner = node["items"]
        return "array: " + (kind(inner) if "$ref" in inner or inner.get("type") != "object" else "objects")
    return NAMES[node["type"]]


def members(node, path, lead, depth):
    """A paragraph for each member, and those in it."""
    lines = []
    required = node.get("required", [])
    for name, member in node.get("properties", {}).items():
        member = resolve(member, path)
        when = "" if name in required else ", not always there"
        lines += [f"*{escape(lead + name)}* ({escape(kind(member))}{when})", f"\t{escape(member.get('description', ''))}".rstrip(), ""]
        inner = resolve(member.get("items", member), path) if member.get("type") == "array" else member
        if inner.get("type") == "object":
            lines += members(inner, path, f"{lead}{name}{'[]' if member.get('type') == 'array' else ''}.", depth + 1)
    return lines


def section(path):
    with open(path, encoding="utf-8") as file:
        schema = json.load(file)
    lines = [f"## {schema['title']}", "", escape(schema["description"]), ""]
    for branch in schema.get("oneOf", schema.get("anyOf", [schema])):
        if "$ref" in branch and not branch["$ref"].startswith("#/"):
            continue
        branch = resolve(branch, path)
        body = resolve(branch["items"], path) if branch.get("type") == "array" else branch
        if "$ref" in body:
            lines += [f"Each element: {kind(body)}.", ""]
        lines += members(body, path, "", 0)
    return lines


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        template = file.read()
    if template.count(f"\n{MARK}\n") != 1:
        sys.exit(f"{sys.argv[1]}: there must be one line {MARK}")
    lines = [line for path in sys.argv[2:] for line in section(path)]
    sys.stdout.write(template.replace(MARK, "\n".join(lines).rstrip("\n")))


if __name__ == "__main__":
    main()
