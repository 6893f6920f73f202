#!/usr/bin/python3
"""Put the reference of all options into the manual page of the configuration.

usage: manual_options.py TEMPLATE OPTIONS_DEF [FAMILY=OPTIONS_DEF]...      (the page goes to standard output)
The line @OPTIONS@ of the template becomes one section for each group of options.def, the table the program
itself is compiled from, so that the manual cannot know other options, defaults or bounds than the program. A
FAMILY is a section whose members the file names; its table becomes the section FAMILY.NAME.
"""
import re
import sys

MARK = "@OPTIONS@"
SECOND = 1000
UNITS = {"SECOND": SECOND, "MINUTE": 60 * SECOND, "HOUR": 3600 * SECOND, "DAY": 86400 * SECOND}
SUFFIXES = [(86400 * SECOND, "d"), (3600 * SECOND, "h"), (60 * SECOND, "m"), (SECOND, "s"), (1, "ms")]
KINDS = {"TEXT": "text", "LIST": "list", "NUMBER": "number", "BOOL": "true or false", "DURATION": "duration"}
ROW = re.compile(r'OPTION\("([^"]*)", (\w+), \w+, "([^"]*)", ([^,"]+), ([^,"]+), "((?:\\.|[^"\\])*)"\)')


def number(expression):
    """The value of "90 * DAY"."""
    value = 1
    for factor in expression.split("*"):
        factor = factor.strip()
        value *= UNITS[factor] if factor in UNITS else int(factor)
    return value


def duration(milliseconds):
    """As the program writes it: in the largest unit that leaves no rest."""
    for size, suffix in SUFFIXES:
        if milliseconds % size == 0 and (milliseconds >= size or size == 1):
            return f"{milliseconds // size}{suffix}"
    raise ValueError(milliseconds)


def escape(text):
    return re.sub(r"([*_\\#])", r"\\\1", text)


def read_rows(source):
    """(path, kind, default, least, most, sentence) of each row; a row that is not understood is an error."""
    rows = []
    for line in source.splitlines():
        if not line.startswith("OPTION("):
            continue
        match = ROW.fullmatch(line.strip())
        if match is None or match[2] not in KINDS:
            raise ValueError(f"not understood: {line}")
        path, kind, default, least, most, sentence = match.groups()
        rows.append((path, kind, default, number(least), number(most), sentence.replace('\\"', '"')))
    if not rows:
        raise ValueError("there are no options")
    return rows


def facts(kind, default, least, most):
    """What stands in brackets behind the name."""
    if kind in ("NUMBER", "DURATION"):
        show = duration if kind == "DURATION" else str
        return f"{KINDS[kind]} from {show(least)} to {show(most)}, default {default}"
    return f"{KINDS[kind]}, default {default}" if default else f"{KINDS[kind]}, default: empty"


def reference(rows):
    lines = []
    section = None
    for path, kind, default, least, most, sentence in rows:
        group = path.rpartition(".")[0]
        if group != section:
            lines += ["## " + (f"Section {group}" if group else "Top level"), ""]
            section = group
        lines += [f"*{escape(path)}* ({escape(facts(kind, default, least, most))})", f"\t{escape(sentence)}", ""]
    return "\n".join(lines).rstrip("\n")


def read_table(path, family=None):
    with open(path, encoding="utf-8") as file:
        rows = read_rows(file.read())
    return [(f"{family}.NAME.{row[0]}", *row[1:]) for row in rows] if family else rows


def main():
    if len(sys.argv) < 3 or any("=" not in family for family in sys.argv[3:]):
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        template = file.read()
    rows = read_table(sys.argv[2])
    for family in sys.argv[3:]:
        name, _, path = family.partition("=")
        rows += read_table(path, name)
    if template.count(f"\n{MARK}\n") != 1:
        sys.exit(f"{sys.argv[1]}: there must be one line {MARK}")
    sys.stdout.write(template.replace(MARK, reference(rows)))


if __name__ == "__main__":
    main()
