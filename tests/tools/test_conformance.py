"""tools/conformance: CONFORMANCE.md is current here; small trees show what counts and what is refused.

The marks of those trees are written with ~ instead of -, so that they are not taken for marks of this file."""
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROWS = """# a comment

## Server: one
S~ONE~1	MUST	Do this	RFC8555 1	400 malformed
S~ONE~2	MUST NOT	Do <that>, or a|b	RFC8555 1	-
S~ONE~13	SHOULD	Do both	RFC8555 2	-

## Client
C~TWO~1	must	Ask	(inf)	abort
"""


def run(root, *arguments):
    done = subprocess.run([ROOT / "tools/conformance", *arguments, root], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def tree(tmp_path):
    def write(path, text):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("~", "-"))
    write("docs/conformance/rows.tsv", ROWS)
    write("docs/conformance/deviations", "# none\n")
    write("tests/flow/test_a.py", "def test_a():\n    pass\n")
    write("src/server/a.c", "/* nothing */\n")
    return tmp_path, write


def states(root):
    """ID -> the last column of its row."""
    code, output = run(root)
    assert (code, output) == (0, "")
    rows = [line.split(" | ") for line in (root / "CONFORMANCE.md").read_text().splitlines()]
    return {row[0].removeprefix("| ").replace("-", "~"): row[-1].removesuffix(" |") for row in rows if len(row) == 6}


def test_the_page_of_this_tree_is_current():
    assert run(ROOT, "--check") == (0, "")


def test_nothing_is_met_by_itself(tree):
    root, _ = tree
    assert {name: states(root)[name] for name in ("S~ONE~1", "S~ONE~2", "S~ONE~13", "C~TWO~1")} == dict.fromkeys(
        ("S~ONE~1", "S~ONE~2", "S~ONE~13", "C~TWO~1"), "open")
    assert run(root, "--open") == (0, ROWS.replace("~", "-").split("one\n")[1].replace("\n## Client\n", ""))


@pytest.mark.parametrize("path, text, name", [
    ("tests/flow/test_a.py", '"""S~ONE~1."""\ndef test_a():\n    pass\n', ""),
    ("tests/flow/test_a.py", 'def test_b():\n    pass\n\n# S~ONE~1\n@mark(3)\ndef test_a():\n    pass\n', " `test_a`"),
    ("tests/flow/test_a.py", 'def test_a():\n    """S~ONE~1: it does."""\n    pass\n\ndef test_b():\n    pass\n', " `test_a`"),
    ("tests/flow/test_a.py", 'CASES = {"nothing (S~ONE~1)": 1}\n\n@mark(CASES)\ndef test_a(case):\n    pass\n', " `test_a`"),
    ("tests/flow/test_a.py", 'class X:\n    def test_a(self):\n        pass  # S~ONE~1\n', " `test_a`"),
    ("tests/unit/core/a_test.c", '/* S~ONE~1 */\nint x;\n', ""),
    ("tests/unit/core/a_test.c", '/* A. */\nstatic void b(void **state)\n{\n}\n\n/* S~ONE~1 */\nstatic void a(void **state)\n{\n}\n', " `a`"),
    ("tests/unit/core/a_test.c", 'static void a(void **state)\n{\n    x(); /* S~ONE~1 */\n}\nstatic void b(void **state)\n{\n}\n', " `a`"),
    ("tests/contract/store_contract.c", 'static void a(void **state)\n{\n    /* S~ONE~1, as it is. */\n}\n', " `a`"),
])
def test_who_proves_it(tree, path, text, name):
    root, write = tree
    write(path, text)
    assert states(root)["S~ONE~1"] == f"met: [{pathlib.PurePath(path).name}]({path}){name}"


@pytest.mark.parametrize("text, met", [
    ("S~ONE~1, 2, 13.", ["S~ONE~1", "S~ONE~2", "S~ONE~13"]),
    ("S~ONE~1, 2: so", ["S~ONE~1", "S~ONE~2"]),
    ("(S~ONE~1, 2)", ["S~ONE~1", "S~ONE~2"]),
    ("S~ONE~1, 2\n", ["S~ONE~1", "S~ONE~2"]),
    ("/* S~ONE~1, 2 */", ["S~ONE~1", "S~ONE~2"]),
    ("S~ONE~1, 2, C~TWO~1.", ["S~ONE~1", "S~ONE~2", "C~TWO~1"]),
    ("S~ONE~1, 2 of 3 names", ["S~ONE~1"]),  # no list
    ("S~ONE~13", ["S~ONE~13"]),  # not S~ONE~1
    ("rows S~ONE", []),
])
def test_several_in_one_mark(tree, text, met):
    root, write = tree
    write("tests/flow/test_a.py", f'def test_a():\n    """{text}"""\n')
    found = states(root)
    assert [name for name in ("S~ONE~1", "S~ONE~2", "S~ONE~13", "C~TWO~1") if found[name].startswith("met")] == met


@pytest.mark.parametrize("path", ["src/server/a.c", "tests/flow/world.py", "tests/lib/a.c"])
def test_no_proof(tree, path):
    """What is no test proves nothing, also when it says so."""
    root, write = tree
    write(path, "/* S~ONE~1 */\n")
    assert states(root)["S~ONE~1"] == "open"


def test_code_says_where(tree):
    root, write = tree
    write("src/server/a.c", "/* S~ONE~1 */\n")
    write("tests/flow/test_a.py", 'def test_a():\n    """S~ONE~1."""\n')
    assert states(root)["S~ONE~1"] == "met: [test_a.py](tests/flow/test_a.py) `test_a` · in [a.c](src/server/a.c)"


def test_counts_and_reasons(tree):
    root, write = tree
    write("docs/conformance/deviations", "S~ONE~2 It is | not < wanted.\n")
    write("tests/flow/test_a.py", 'def test_a():\n    """S~ONE~1."""\n')
    assert states(root)["S~ONE~2"] == r"deviated: It is \| not &lt; wanted."
    written = (root / "CONFORMANCE.md").read_text()
    assert "| MUST and SHALL, MUST NOT and SHALL NOT | 1 | 1 | 0 | 0 | 2 |" in written
    assert "| SHOULD and RECOMMENDED, and their NOT | 0 | 0 | 0 | 1 | 1 |" in written
    assert "Do &lt;that>, or a\\|b" in written
    assert "1 met, 1 deviated, 1 open." in written
    assert run(root, "--check") == (0, "")
    write("docs/conformance/deviations", "")
    assert run(root, "--check") == (1, "CONFORMANCE.md is not current: make conformance\n")


def test_what_is_not_offered(tree):
    """It is counted apart; a kind of rows can be spoken for at once, and what is said of one of them wins."""
    root, write = tree
    write("docs/conformance/deviations", "S~ONE~* not offered: nobody asked.\nS~ONE~13 Done otherwise.\n")
    found = states(root)
    assert found["S~ONE~1"] == found["S~ONE~2"] == "not offered: nobody asked."
    assert (found["S~ONE~13"], found["C~TWO~1"]) == ("deviated: Done otherwise.", "open")
    written = (root / "CONFORMANCE.md").read_text()
    assert "| MUST and SHALL, MUST NOT and SHALL NOT | 0 | 0 | 2 | 0 | 2 |" in written
    assert "1 deviated, 2 not offered." in written
    assert run(root, "--open", "S") == (0, "")
    write("tests/flow/test_a.py", 'def test_a():\n    """S~ONE~1."""\n')
    code, output = run(root)
    assert code == 1 and "S~ONE~1 is met, says".replace("~", "-") in output, "the kind must be taken apart then"


@pytest.mark.parametrize("path, text, complaint", [
    ("tests/flow/test_a.py", "# S~ONE~3\n", "tests/flow/test_a.py:1: there is no row S~ONE~3"),
    ("tests/flow/test_a.py", "# S~ONE~1, 3.\n", "tests/flow/test_a.py:1: there is no row S~ONE~3"),
    ("src/server/a.c", "\n/* S~ONE~3 */\n", "src/server/a.c:2: there is no row S~ONE~3"),
    ("docs/conformance/deviations", "S~ONE~3 for a reason\n", "there is no row S~ONE~3"),
    ("docs/conformance/deviations", "S~ONE~1 for a reason\n", "S~ONE~1 is met, says tests/flow/test_m.py test_m"),
])
def test_marks_that_are_wrong(tree, path, text, complaint):
    root, write = tree
    write("tests/flow/test_m.py", 'def test_m():\n    """S~ONE~1."""\n')
    assert run(root) == (0, "")
    before = (root / "CONFORMANCE.md").read_text()
    write(path, text)
    for mode in ([], ["--check"], ["--open"]):
        code, output = run(root, *mode)
        assert code == 1 and complaint.replace("~", "-") in output, output
    assert (root / "CONFORMANCE.md").read_text() == before


@pytest.mark.parametrize("path, text, complaint", [
    ("docs/conformance/rows.tsv", "S~ONE~1	MUST	Do this	RFC8555 1	-\n", "rows.tsv:1: a row is"),
    ("docs/conformance/rows.tsv", "## One\nS~ONE~1	MUST	Do this	RFC8555 1\n", "rows.tsv:2: a row is"),
    ("docs/conformance/rows.tsv", "## One\nS~ONE~1	MUST	Do this		-\n", "rows.tsv:2: a row is"),
    ("docs/conformance/rows.tsv", "## One\nS~ONE~x	MUST	Do this	RFC8555 1	-\n", "rows.tsv:2: a row is"),
    ("docs/conformance/rows.tsv", "## One\nS~ONE~1	SHALT	Do this	RFC8555 1	-\n", "rows.tsv:2: SHALT is no level"),
    ("docs/conformance/rows.tsv", ROWS + ROWS, "S~ONE~1 is there twice"),
    ("docs/conformance/deviations", "S~ONE~1\n", "deviations:1: a deviation is an ID and the reason"),
    ("docs/conformance/deviations", "S~ONE~1 not offered:\n", "deviations:1: a deviation is an ID and the reason"),
    ("docs/conformance/deviations", "S~NIL~* for a reason\n", "deviations:1: there is no row S~NIL~*"),
    ("docs/conformance/deviations", "S~ONE~* a\nS~ONE~* b\n", "S~ONE~* is there twice"),
    ("docs/conformance/deviations", "later S~ONE~1\n", "deviations:1: a deviation is an ID and the reason"),
    ("docs/conformance/deviations", "S~ONE~1 a\nS~ONE~1 b\n", "S~ONE~1 is there twice"),
])
def test_tables_that_are_wrong(tree, path, text, complaint):
    root, write = tree
    write(path, text)
    code, output = run(root)
    assert code == 2 and complaint.replace("~", "-") in output, output
    assert not (root / "CONFORMANCE.md").exists()
