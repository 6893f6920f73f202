"""docs/clients.md: each row of its tables has a test that is there, or says why not; commands and options that it names exist."""
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/clients.md").read_text()
ROWS = [re.split(r"\s*\|\s*", line[1:].rstrip().removesuffix("|").strip(" ")) for line in TEXT.splitlines()
        if line.startswith("| ") and not re.match(r"\| (---|feature|protocol|wish|thing|scenario) ", line)]
PROOF = re.compile(r"`((?:[a-z0-9_]+\.py|[a-z0-9_]+_test\.c)(?:::\w+)?)`")


def file_of(name):
    found = [*(ROOT / "tests/flow").glob(name), *(ROOT / "tests/unit/client").rglob(name)]
    return found[0] if found else None


def test_there_are_rows():
    assert len(ROWS) > 120 and all(len(row) == 3 and row[0] for row in ROWS), [row for row in ROWS if len(row) != 3]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_a_row_has_a_proof_or_a_reason(row):
    proofs = PROOF.findall(row[2])
    assert proofs or re.match(r"not\b.{20}", row[2]), row
    for proof in proofs:
        name, _, function = proof.partition("::")
        file = file_of(name)
        assert file is not None, f"{proof}: there is no such file"
        if function:
            declared = rf"^\s*def {function}\(" if name.endswith(".py") else rf"^(?:static )?void {function}\("
            assert re.search(declared, file.read_text(), re.MULTILINE), f"{proof}: there is no such test"


def table(path, pattern):
    return set(re.findall(pattern, (ROOT / path).read_text(), re.MULTILINE))


def test_options_and_commands_exist():
    options = table("src/client/command/options.def", r'^CLI_OPTION\("(--[\w-]+)"')
    commands = table("src/client/command/commands.def", r'^COMMAND\("([\w ]+)"')
    named = " ".join(row[1] for row in ROWS)
    assert set(re.findall(r"(?<![\w-])--[a-z][\w-]+", named)) <= options
    for words in re.findall(r"`cairn ([a-z]+(?: [a-z]+)?)", named):
        assert any(words == c or words.startswith(c + " ") or c.startswith(words + " ") for c in commands), words
