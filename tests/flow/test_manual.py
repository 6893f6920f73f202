"""The manual pages and the programs say the same: commands, options, defaults, exit codes, examples."""
import functools
import json
import pathlib
import re
import shutil
import subprocess
import sys

import jsonschema
import pytest

from house import CAIRN, CAIRN_CA

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = {"cairn": (CAIRN, "cairn.1"), "cairn-ca": (CAIRN_CA, "cairn-ca.8")}


def show(*arguments):
    return subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=60, check=True).stdout


def page(name):
    return (ROOT / f"docs/man/{name}.scd").read_text().replace("\\_", "_")


def section(text, title):
    return re.search(rf"^# {title}\n(.*?)(?=^# |\Z)", text, re.MULTILINE | re.DOTALL).group(1)


COMMAND = "[a-z-]+(?: [a-z-]+)?"  # "issue", "account show"


@functools.cache
def commands_of(program):
    return re.findall(rf"^  ({COMMAND}) {{2,}}", show(program, "help"), re.MULTILINE)


@functools.cache
def options_of(program, command):
    return set(re.findall(r"^  (--[a-z-]+)", show(program, "help", *command.split()), re.MULTILINE))


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_command_is_documented_and_the_reverse(name):
    program, manual = PROGRAMS[name]
    documented = re.findall(rf"^\*({COMMAND})\*", section(page(manual), "COMMANDS"), re.MULTILINE)
    assert documented == commands_of(program)
    synopsis = re.findall(rf"^\*{name} ({COMMAND})\*", section(page(manual), "SYNOPSIS"), re.MULTILINE)
    assert synopsis == commands_of(program)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_option_is_documented_and_the_reverse(name):
    program, manual = PROGRAMS[name]
    documented = set(re.findall(r"^\*(--[a-z-]+)", section(page(manual), "OPTIONS"), re.MULTILINE))
    known = set().union(*(options_of(program, command) for command in commands_of(program)))
    assert documented == known


def test_help_explains_what_stands_without_a_dash():
    """LIMIT and BUCKET of `limit show` as well as its options."""
    seen = 0
    for command in commands_of(CAIRN_CA):
        text = show(CAIRN_CA, "help", *command.split())
        for word in re.findall(r" ([A-Z]+)", text.splitlines()[0].partition("--dir DIR")[2]):
            assert re.search(rf"^  {word} +[a-zA-Z]", text, re.MULTILINE), (command, word)
            seen += 1
    assert seen >= 10


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_option_is_documented_for_its_commands(name):
    """Headings "X only" and "X and Y" of OPTIONS say who takes what stands below; two commands may have an option of the
    same name each. What stands below other headings is of several commands; one of them may say more below its own."""
    program, manual = PROGRAMS[name]
    parts = re.split(r"^## (.*)\n", section(page(manual), "OPTIONS"), flags=re.MULTILINE)
    documented, general = {}, set()
    for heading, text in zip(parts[1::2], parts[2::2]):
        takers = set(re.split(", | and ", heading.removesuffix(" only"))) & set(commands_of(program))
        for option in set(re.findall(r"^\*(--[a-z-]+)", text, re.MULTILINE)) if takers else ():
            documented.setdefault(option, set()).update(takers)
        general |= set(re.findall(r"^\*(--[a-z-]+)", text, re.MULTILINE)) if not takers else set()
    for option, takers in documented.items():
        known = {c for c in commands_of(program) if option in options_of(program, c)}
        assert takers <= known if option in general else takers == known, option


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_of_a_command_is_the_same_in_every_way_to_ask(name):
    program, _ = PROGRAMS[name]
    for command in commands_of(program):
        words = command.split()
        text = show(program, "help", *words)
        assert text.startswith(f"usage: {name} {command}")
        assert show(program, *words, "--help") == show(program, *words, "-h") == text
    assert show(program) == show(program, "--help") == show(program, "-h") == show(program, "help")
    assert show(program, "--version") == show(program, "-V") == show(program, "version")


@pytest.mark.parametrize("name", PROGRAMS)
def test_exit_codes(name):
    program, manual = PROGRAMS[name]
    documented = re.findall(r"^\*(\d+)\*$", section(page(manual), "EXIT STATUS"), re.MULTILINE)
    said = re.search(r"^Exit codes: (.*?)\.$", show(program, "help"), re.MULTILINE | re.DOTALL).group(1)
    assert documented == re.findall(r"\d+", said)


def test_what_is_printed_as_json_has_a_schema_and_the_reverse():
    """Each command of cairn that takes --json; what is no command's is what others refer to."""
    files = {path.stem for path in (ROOT / "docs/schema").glob("*.json")}
    assert files - {"certificate", "error"} == {c.replace(" ", "-") for c in commands_of(CAIRN) if "--json" in options_of(CAIRN, c)}
    for path in (ROOT / "docs/schema").glob("*.json"):
        schema = json.loads(path.read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["title"].replace(" ", "-") == path.stem
    listed = re.search(r"foreach schema : \[(.*?)\]", (ROOT / "docs/meson.build").read_text(), re.DOTALL)[1]
    assert sorted(re.findall("'([a-z-]+)'", listed)) == sorted(files)


CLIENT_TABLES = {"cas": "ca", "certificates": "certificate", "dns": "dns", "deployments": "deployment"}


def test_the_reference_of_cairn_yaml_is_whole():
    settings = ROOT / "src/client/settings"
    text = show(sys.executable, ROOT / "tools/manual_options.py", ROOT / "docs/man/cairn.yaml.5.scd", settings / "options.def",
                *(f"{family}={settings}/{table}_options.def" for family, table in CLIENT_TABLES.items())).replace("\\_", "_")
    documented = re.findall(r"^\*([a-zA-Z0-9_.]+)\* \(", section(text, "OPTIONS"), re.MULTILINE)
    rows = [("", "options"), *((f"{family}.NAME.", f"{table}_options") for family, table in CLIENT_TABLES.items())]
    known = [lead + path for lead, table in rows
             for path in re.findall(r'^OPTION\("([^"]+)"', (settings / f"{table}.def").read_text(), re.MULTILINE)]
    assert sorted(documented) == sorted(known) and len(known) > 60
    for family in CLIENT_TABLES:
        assert f"*{family}*" in section(text, "DESCRIPTION")


FAMILIES = {"profiles": "profile", "directories": "directory", "issuers": "issuer", "perspectives": "perspective", "ct_logs": "log"}


def made_configuration(tmp_path):
    """Option to value, as init writes them."""
    show(CAIRN_CA, "init", "--dir", tmp_path / "ca")
    values = {}
    path = []
    for line in (tmp_path / "ca/cairn-ca.yaml").read_text().splitlines():
        found = re.fullmatch(r"( *)([a-z0-9_]+):(?: (.*))?", line)
        if found and found[3] is None:
            path = [*path[:len(found[1]) // 2], found[2]]
        elif found:
            values[".".join([*path[:len(found[1]) // 2], found[2]])] = found[3]
    return values


def test_every_option_of_the_configuration_is_documented_with_its_default(tmp_path):
    made = made_configuration(tmp_path)
    text = show(sys.executable, ROOT / "tools/manual_options.py", ROOT / "docs/man/cairn-ca.yaml.5.scd",
                ROOT / "src/server/settings/options.def",
                *(f"{family}={ROOT}/src/server/settings/{table}_options.def" for family, table in FAMILIES.items()),
                ).replace("\\_", "_")
    documented = dict(re.findall(r"^\*([a-zA-Z0-9_.]+)\* \(.*default:? (.*)\)$", section(text, "OPTIONS"), re.MULTILINE))
    # of what the file names itself only that is written which is no default
    named = {path for path in made if path.split(".")[0] in FAMILIES}
    assert len(named) > 5
    for path in named:
        family, _, option = path.split(".")
        assert made.pop(path) != documented[f"{family}.NAME.{option}"]
    for path in [path for path in documented if path.split(".")[0] in FAMILIES]:
        del documented[path]
    assert documented.keys() == made.keys()
    for option, value in made.items():
        default = "" if documented[option] == "empty" else documented[option]
        shown = re.sub(r'[\[\]"]', "", value)
        assert shown == default, option


def test_the_examples_of_the_configuration_are_good(tmp_path):
    show(CAIRN_CA, "init", "--dir", tmp_path)
    other = tmp_path / "other"
    show(CAIRN_CA, "init", "--dir", other)
    for name, source in (("devices.pem", "intermediate.pem"), ("devices.key", "intermediate.key"), ("devices-root.pem", "root.pem")):
        shutil.copy(other / source, tmp_path / name)  # the administrator's
    show(CAIRN_CA, "intermediate", "cross-sign", "--root-cert", other / "root.pem", "--root-key", other / "root.key",
         "--certificate", tmp_path / "intermediate.pem", "--out", tmp_path / "cross.pem")
    (tmp_path / "token.pin").touch(mode=0o600)
    blocks = re.findall(r"^```\n(.*?)^```$", page("cairn-ca.yaml.5"), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 4
    for block in blocks:
        (tmp_path / "cairn-ca.yaml").write_text(block)
        assert "the configuration is good" in show(CAIRN_CA, "check-config", "--dir", tmp_path)


@pytest.mark.parametrize("family, table", FAMILIES.items())
def test_the_file_of_init_names_the_options_of_named_sections(tmp_path, family, table):
    """Also of those that it has none of: what could be there is to be seen."""
    show(CAIRN_CA, "init", "--dir", tmp_path)
    shown = re.search(rf"^# Options of each: (.*)\.\n(?:# )?{family}:$", (tmp_path / "cairn-ca.yaml").read_text(), re.MULTILINE)[1]
    source = (ROOT / f"src/server/settings/{table}_options.def").read_text()
    assert shown.split(", ") == re.findall(r'^OPTION\("(\w+)"', source, re.MULTILINE)


def test_every_option_of_a_perspective_is_documented(tmp_path):
    """Its own are in its page, by the program's table; those of a CA are named there."""
    show(CAIRN_CA, "perspective", "init", "--dir", tmp_path / "p", "--name", "fra", "--region", "ripe", "--ca", "sha256:" + "0" * 64)
    text = show(sys.executable, ROOT / "tools/manual_options.py", ROOT / "docs/man/cairn-perspective.yaml.5.scd",
                ROOT / "src/server/settings/host_options.def").replace("\\_", "_")
    own = re.findall(r"^\*([a-z_.]+)\* \(", text, re.MULTILINE)
    shared = re.findall(r"\*([a-z_]+\.[a-z_]+)\*", re.search("mean what they mean there.*?and of", text, re.DOTALL)[0])
    made, section_name = [], ""
    for line in (tmp_path / "p/cairn-perspective.yaml").read_text().splitlines():
        if found := re.fullmatch("([a-z_]+):", line):
            section_name = found[1] + "."
        elif found := re.match("(  )?([a-z_]+): ", line):
            made.append((section_name if found[1] else "") + found[2])
    assert sorted(own + shared) == sorted(made) and len(own) >= 7
    for block in re.findall(r"^```\n(.*?)^```$", page("cairn-perspective.yaml.5"), re.MULTILINE | re.DOTALL):
        (tmp_path / "p/cairn-perspective.yaml").write_text(block)
        assert "the configuration is good" in show(CAIRN_CA, "perspective", "check-config", "--dir", tmp_path / "p")
