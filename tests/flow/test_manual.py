"""The manual pages and the programs say the same: commands, options, defaults, exit codes, examples."""
import pathlib
import re
import subprocess
import sys

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


def commands_of(program):
    return re.findall(r"^  ([a-z-]+) {2,}", show(program, "help"), re.MULTILINE)


def options_of(program, command):
    return set(re.findall(r"^  (--[a-z-]+)", show(program, "help", command), re.MULTILINE))


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_command_is_documented_and_the_reverse(name):
    program, manual = PROGRAMS[name]
    documented = re.findall(r"^\*([a-z-]+)\*", section(page(manual), "COMMANDS"), re.MULTILINE)
    assert documented == commands_of(program)
    synopsis = re.findall(rf"^\*{name} ([a-z-]+)\*", section(page(manual), "SYNOPSIS"), re.MULTILINE)
    assert synopsis == commands_of(program)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_option_is_documented_and_the_reverse(name):
    program, manual = PROGRAMS[name]
    documented = set(re.findall(r"^\*(--[a-z-]+)", section(page(manual), "OPTIONS"), re.MULTILINE))
    known = set().union(*(options_of(program, command) for command in commands_of(program)))
    assert documented == known


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_option_is_documented_for_its_commands(name):
    """Headings "X only" and "X and Y" of OPTIONS say who takes what stands below."""
    program, manual = PROGRAMS[name]
    parts = re.split(r"^## (.*)\n", section(page(manual), "OPTIONS"), flags=re.MULTILINE)
    for heading, text in zip(parts[1::2], parts[2::2]):
        takers = {word for word in commands_of(program) if re.search(rf"\b{word}\b", heading)}
        for option in set(re.findall(r"^\*(--[a-z-]+)", text, re.MULTILINE)) if takers else ():
            assert {c for c in commands_of(program) if option in options_of(program, c)} == takers, option


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_of_a_command_is_the_same_in_every_way_to_ask(name):
    program, _ = PROGRAMS[name]
    for command in commands_of(program):
        text = show(program, "help", command)
        assert text.startswith(f"usage: {name} {command}")
        assert show(program, command, "--help") == show(program, command, "-h") == text
    assert show(program) == show(program, "--help") == show(program, "-h") == show(program, "help")
    assert show(program, "--version") == show(program, "-V") == show(program, "version")


@pytest.mark.parametrize("name", PROGRAMS)
def test_exit_codes(name):
    program, manual = PROGRAMS[name]
    documented = re.findall(r"^\*(\d+)\*$", section(page(manual), "EXIT STATUS"), re.MULTILINE)
    said = re.search(r"^Exit codes: (.*?)\.$", show(program, "help"), re.MULTILINE).group(1)
    assert documented == re.findall(r"\d+", said)


def made_configuration(tmp_path):
    """Option to value, as init writes them."""
    show(CAIRN_CA, "init", "--dir", tmp_path / "ca")
    values = {}
    group = ""
    for line in (tmp_path / "ca/cairn-ca.yaml").read_text().splitlines():
        found = re.fullmatch(r"( *)([a-z_]+):(?: (.*))?", line)
        if found and found[3] is None:
            group = found[2] + "."
        elif found:
            values[(group if found[1] else "") + found[2]] = found[3]
    return values


def test_every_option_of_the_configuration_is_documented_with_its_default(tmp_path):
    made = made_configuration(tmp_path)
    text = show(sys.executable, ROOT / "tools/manual_options.py", ROOT / "docs/man/cairn-ca.yaml.5.scd",
                ROOT / "src/server/settings/options.def").replace("\\_", "_")
    documented = dict(re.findall(r"^\*([a-z_.]+)\* \(.*default:? (.*)\)$", section(text, "OPTIONS"), re.MULTILINE))
    assert documented.keys() == made.keys()
    for option, value in made.items():
        default = "" if documented[option] == "empty" else documented[option]
        shown = re.sub(r'[\[\]"]', "", value)
        assert shown == default, option


def test_the_examples_of_the_configuration_are_good(tmp_path):
    show(CAIRN_CA, "init", "--dir", tmp_path)
    blocks = re.findall(r"^```\n(.*?)^```$", page("cairn-ca.yaml.5"), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 4
    for block in blocks:
        (tmp_path / "cairn-ca.yaml").write_text(block)
        assert "the configuration is good" in show(CAIRN_CA, "check-config", "--dir", tmp_path)
