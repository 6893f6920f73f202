#!/usr/bin/python3
"""Make a C header of text files, so that a program has them in it.

usage: text_to_header.py HEADER NAME=FILE...      (each becomes `static const char NAME[]`)
"""
import sys


def literal(text):
    """One string a line."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t").replace("?", "\\?")
    return "\n".join(f'    "{line}\\n"' for line in escaped.splitlines())


def main():
    if len(sys.argv) < 3 or any("=" not in pair for pair in sys.argv[2:]):
        sys.exit(__doc__)
    with open(sys.argv[1], "w", encoding="utf-8") as header:
        for pair in sys.argv[2:]:
            name, _, path = pair.partition("=")
            with open(path, encoding="utf-8") as file:
                header.write(f"static const char {name}[] =\n{literal(file.read())};\n")


if __name__ == "__main__":
    main()
