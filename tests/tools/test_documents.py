"""What the documents name is there: files, functions, limits with their values, chores."""
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "docs/operations.md", "docs/evidence.md",
             "docs/benchmarks.md"]
PLACES = ["", "src", "src/server", "src/client", "src/core", "tests", "src/server/store", "tests/fuzz", "tests/flow"]


def read(name):
    return (ROOT / name).read_text()


def exists(path):
    return any((ROOT / place / path).exists() for place in PLACES)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", read(name)):
        assert (ROOT / name).parent.joinpath(target).exists(), target


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_that_are_named_exist(name):
    sources = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    names = {pathlib.PurePath(source).name for source in sources} | set(sources)
    for path in re.findall(r"`([\w./-]+\.(?:c|h|def|py|build|scd|sql|in|rules))`", read(name)):
        if re.search(r"NAME|NNN", path):
            continue
        assert exists(path) or path in names, path


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_functions_that_are_named_exist(name):
    source = "\n".join(file.read_text() for file in sorted((ROOT / "src").rglob("*.c")))
    for function in re.findall(r"`(\w+)\(\)`", read(name)):
        assert re.search(rf"^[^ \n].*\b{function}\(", source, re.MULTILINE), function


def test_chores():
    chores = re.findall(r"^\| `make(?: (\w+))?` \|", read("CONTRIBUTING.md"), re.MULTILINE)
    targets = re.findall(r"^(\w+):.*##", read("Makefile"), re.MULTILINE)
    assert sorted(c or "all" for c in chores) == sorted(t for t in targets if t != "help")


def defaults():
    return dict(re.findall(r'^OPTION\("([^"]+)", \w+, \w+, "([^"]*)"', read("src/server/settings/options.def"), re.MULTILINE))


def test_limits_that_are_options():
    rows = re.findall(r"^\| `([\w.]+)` \| (\w+) \|", read("SECURITY.md"), re.MULTILINE)
    assert len(rows) >= 10
    for option, value in rows:
        assert defaults()[option] == value, option


def test_limits_in_the_code():
    rows = re.findall(r"^\| `([\w./]+)` \| `(\w+)` \| (.+) \|", read("SECURITY.md"), re.MULTILINE)
    assert len(rows) >= 10
    for path, limit, value in rows:
        source = re.sub(r"\\\n", " ", read(f"src/{path}"))
        found = re.search(rf"#define {limit}\s+(.+?)\s*(?:/\*.*)?$|HTTP_SERVER_LIMIT\({limit}, (\d+),", source, re.MULTILINE)
        assert found, limit
        assert (found[1] or found[2]).strip("()") == value, limit
