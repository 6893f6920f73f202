"""tools/layers and tools/shape catch what they are for: small bad trees, one mistake each."""
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

RULES = """
order core: base json
order server: store front
order client: flow
above server core
above client core
only sqlite3.h: server/store/*
generated: made.h
"""


def run(tool, root):
    done = subprocess.run([ROOT / "tools" / tool, root], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def tree(tmp_path):
    def write(path, text):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    write("layers.rules", RULES)
    write("src/core/base/err.c", '#include "core/base/err.h"\n#include <stdio.h>\n')
    return tmp_path, write


@pytest.mark.parametrize("path, text, complaint", [
    ("src/core/base/a.c", '#include "core/json/j.h"\n', "src/core/base/a.c:1: core/base includes core/json, which lies above it"),
    ("src/core/json/a.c", '\n#include "server/store/s.h"\n', "src/core/json/a.c:2: core never includes server"),
    ("src/server/store/a.h", '#include "server/front/f.h"\n', "which lies above it"),
    ("src/server/store/a.h", '#include "client/flow/f.h"\n', "server never includes client"),
    ("src/client/flow/a.h", '#include "server/front/f.h"\n', "client never includes server"),
    ("src/core/json/a.c", "#include <sqlite3.h>\n", "<sqlite3.h> is for server/store/* only"),
    ("src/core/json/a.c", '#include "core/nowhere/x.h"\n', "does not know"),
    ("src/core/json/a.c", '#include "neighbour.h"\n', "write the path from src/"),
    ("src/core/nowhere/a.c", "\n", "this folder is not in layers.rules"),
    ("src/core/json/t.def", '#include "server/front/f.h"\n', "core never includes server"),
])
def test_layers_catch(tree, path, text, complaint):
    root, write = tree
    assert run("layers", root) == (0, "")
    write(path, text)
    code, output = run("layers", root)
    assert code == 1 and complaint in output


@pytest.mark.parametrize("path, text", [
    ("src/core/json/a.c", '#include "core/base/err.h"\n#include "core/json/other.h"\n'),
    ("src/server/front/a.c", '#include "core/json/j.h"\n#include "server/store/s.h"\n'),
    ("src/server/store/a.c", '#include <sqlite3.h>\n#include "made.h"\n'),
])
def test_layers_allow(tree, path, text):
    root, write = tree
    write(path, text)
    assert run("layers", root) == (0, "")


@pytest.mark.parametrize("rules", ["order core base\n", "above core server\norder core: base\n",
                                   "order core: base\norder server: s\nabove core server\nabove server core\n"])
def test_layers_refuse_bad_rules(tree, rules):
    root, write = tree
    write("layers.rules", rules)
    assert run("layers", root)[0] == 2


GOOD = "/* A file. */\nint thing_make(int a)\n{\n    return a;\n}\n"


@pytest.mark.parametrize("path, text, complaint", [
    pytest.param("src/core/base/thing.c", "int thing_make(int a)\n{\n" + "    a++;\n" * 101 + "    return a;\n}\n", "thing_make has 101 lines", id="long function"),
    pytest.param("src/core/base/thing.c", "/* x */\n" * 501, "the file has 501 lines", id="long file"),
    ("src/core/base/thing.c", "int other_make(int a)\n{\n    return a;\n}\n", "other_make: an exported name begins with its file's"),
    ("src/core/base/thing.h", "#pragma once\n\nint thing_make(int a);\n", "thing_make has no comment"),
    ("src/core/base/thing.h", "/* The header. */\n#pragma once\n\nint thing_make(int a);\n", "thing_make has no comment"),
    ("src/core/json/thing.c", "int thing_make(int a)\n{\n    return malloc(a) != 0;\n}\n", "take memory_get"),
    ("src/core/json/thing.c", "int thing_make(char *a)\n{\n    return strcpy(a, a) != 0;\n}\n", "take text_copy"),
    ("src/core/json/thing.c", "int thing_make(int a)\n{\n    return time(0) + a;\n}\n", "take clock_now"),
    ("src/core/base/thing.c", "int thing_make(int a)\n{\n    goto out;\nout:\n    return a;\n}\n", "goto"),
    ("src/core/base/thing.c", GOOD + "/* TO" + "DO: more */\n", "do it, or open an issue"),
    ("tests/unit/thing.c", "static int x(char *a)\n{\n    return system(a);\n}\n", "system() is not used here"),
])
def test_shape_catches(tree, path, text, complaint):
    root, write = tree
    write("src/core/base/thing.c", GOOD)
    assert run("shape", root) == (0, "")
    write(path, text)
    code, output = run("shape", root)
    assert code == 1 and complaint in output, output


@pytest.mark.parametrize("path, text", [
    ("src/core/base/thing.h", "#pragma once\n\n/* Make one. */\nint thing_make(int a);\n"),
    ("src/core/base/thing.h", "#pragma once\n\n/* Make and break. */\nint thing_make(int a);\nvoid thing_break(int a);\n"),
    ("src/core/base/thing_part.c", "int thing_more(int a)\n{\n    return a;\n}\n"),
    ("src/core/base/thing.c", "static int helper(int a)\n{\n    return a; /* not goto, not malloc( */\n}\n"),
])
def test_shape_allows(tree, path, text):
    root, write = tree
    write("src/core/base/thing.c", GOOD)
    write(path, text)
    assert run("shape", root) == (0, "")


def test_every_unit_test_is_built():
    """A test that no meson.build names is never run, and nobody sees that."""
    unit = ROOT / "tests/unit"
    rows = {file.parent: file.read_text() for file in unit.rglob("meson.build")}
    forgotten = [str(f.relative_to(ROOT)) for f in unit.rglob("*_test.c")
                 if not any(f"'{f.relative_to(above)}'" in rows.get(above, "") for above in f.parents
                            if above.is_relative_to(unit))]
    assert not forgotten, forgotten


def test_every_flow_test_is_collected():
    """pytest passes over a file that is not named test_*.py."""
    for file in (ROOT / "tests").rglob("*.py"):
        if "\ndef test_" in file.read_text():
            assert file.name.startswith("test_"), file
