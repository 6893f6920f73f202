"""What is told of several certificates at once: each line says which one it is about, and says so once."""
import re

import pytest

from house import free_port
from pebble import PROGRAM
from test_client_renewal import Remembering, settings

pytestmark = [pytest.mark.foreign, pytest.mark.skipif(PROGRAM is None, reason="pebble is not installed")]

NAMES = ["a.example.test", "b.example.test", "site"]
VALIDATION, DEPLOY, UNCHANGED = 5, 7, 2


@pytest.fixture
def client(pebble, tmp_path):
    return Remembering(tmp_path / "state", pebble)


def lines(done):
    """All that was said; nowhere does the same word stand twice around a colon."""
    text = done.stdout + done.stderr
    assert not re.search(r"(?<![\w.-])([\w.-]+): \1(?![\w.-])", text), text
    return text.splitlines()


def configure(client, tmp_path, **more):
    return settings(client, tmp_path, {"it": client.ca},
                    {n: {"names": n if "." in n else f"{n}.example.test", "cas": "it", **more} for n in NAMES},
                    deployments={"web": {"target": "hook", "command": "echo no; exit 3"}})


def test_what_is_not_proved(client, tmp_path):
    more = configure(client, tmp_path, http_port=free_port())
    said = lines(client.run("apply", *more, code=VALIDATION))
    for name in NAMES[:2]:
        assert len([line for line in said if line.startswith(f"cairn: {name} was not proved: ")]) == 1, said
    assert [line for line in said if line.startswith("cairn: site: site.example.test was not proved: ")], said
    about = [line for line in said if line[:10].strip() in ("ca", "account", "order", "prove")]
    assert about and all(line[10:].startswith(tuple(f"{n}: " for n in NAMES)) for line in about), said
    waits = lines(client.run("apply", *more, code=UNCHANGED))
    assert sorted(line.split()[1] for line in waits if line.startswith("waits ")) == [f"{n}:" for n in NAMES]  # in any order
    for verb, code in (("list", 0), ("plan", UNCHANGED)):
        said = lines(client.run(verb, *more, code=code))
        assert all(len([line for line in said if re.search(rf"(^|\s){re.escape(n)}[:\s]", line)]) == 1 for n in NAMES), said


def test_what_is_not_deployed(client, tmp_path):
    more = configure(client, tmp_path, deploy="web")
    for words in (["apply"], ["renew", *NAMES]):
        said = lines(client.run(*words, *more, code=DEPLOY))
        failed = "the command failed with exit code 3: no"
        assert {line for line in said if failed in line} == {f"cairn: deployment web of {n}: {failed}" for n in NAMES}, said
        assert said[-1] == f"cairn: 3 of 3 certificates could not be deployed"
    assert "failed 2 times" in "\n".join(lines(client.run("list", *more)))
    lines(client.run("plan", *more, code=UNCHANGED))
