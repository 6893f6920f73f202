"""tools/manual_options.py makes the reference of cairn-ca.yaml(5) out of the program's own table."""
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools/manual_options.py"

TABLE = r'''/* A comment, with OPTION(path, KIND, ...) in it. */
#define DAY 1
OPTION("name", TEXT, name, "Cairn CA", 0, 0, "Name of the CA.")
OPTION("a.life_time", DURATION, a_life, "90d", 5 * MINUTE, 825 * DAY, "How long, *at most*.")
OPTION("a.hold", DURATION, a_hold, "1500ms", 0, 10 * SECOND, "Short.")
OPTION("a.count", NUMBER, a_count, "0", 0, 256, "How many.")
OPTION("b.on", BOOL, b_on, "true", 0, 0, "Is \"it\" on?")
OPTION("b.names", LIST, b_names, "", 0, 0, "Which.")
'''

PAGE = r'''before
## Top level

*name* (text, default Cairn CA)
	Name of the CA.

## Section a

*a.life\_time* (duration from 5m to 825d, default 90d)
	How long, \*at most\*.

*a.hold* (duration from 0ms to 10s, default 1500ms)
	Short.

*a.count* (number from 0 to 256, default 0)
	How many.

## Section b

*b.on* (true or false, default true)
	Is "it" on?

*b.names* (list, default: empty)
	Which.
after
'''


def run(tmp_path, template, table):
    (tmp_path / "page.scd").write_text(template)
    (tmp_path / "options.def").write_text(table)
    return subprocess.run([TOOL, tmp_path / "page.scd", tmp_path / "options.def"], capture_output=True, text=True,
                          check=False)


def test_the_reference(tmp_path):
    done = run(tmp_path, "before\n@OPTIONS@\nafter\n", TABLE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == PAGE


def test_a_family(tmp_path):
    (tmp_path / "family.def").write_text('OPTION("age", NUMBER, age, "1", 0, 9, "How old.")\n')
    (tmp_path / "page.scd").write_text("\n@OPTIONS@\n")
    (tmp_path / "options.def").write_text(TABLE)
    done = subprocess.run([TOOL, tmp_path / "page.scd", tmp_path / "options.def", f"pets={tmp_path}/family.def"],
                          capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\n## Section pets.NAME\n\n"
                                "*pets.NAME.age* (number from 0 to 9, default 1)\n\tHow old.\n")


@pytest.mark.parametrize("row", [
    'OPTION("x", FLOAT, x, "1", 0, 0, "A kind nobody knows.")',
    'OPTION("x", NUMBER, x, "1", 0, 2 * WEEK, "A unit nobody knows.")',
    'OPTION("x", NUMBER, x, "1", 0, 1 + 1, "A sum.")',
    'OPTION("x", NUMBER, x, "1", 0, "A bound is missing.")',
    'OPTION("x", NUMBER, x, "1", 0, 1,',
])
def test_a_row_that_is_not_understood_is_never_left_out(tmp_path, row):
    done = run(tmp_path, "\n@OPTIONS@\n", TABLE + row + "\n")
    assert done.returncode != 0 and done.stdout == ""


@pytest.mark.parametrize("template, table", [("no mark\n", TABLE), ("\n@OPTIONS@\n\n@OPTIONS@\n", TABLE), ("\n@OPTIONS@\n", "")])
def test_nothing_to_do_is_an_error(tmp_path, template, table):
    done = run(tmp_path, template, table)
    assert done.returncode != 0 and done.stdout == ""
