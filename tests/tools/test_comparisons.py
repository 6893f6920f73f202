"""How the code compares what nobody may find out by measuring: no test of time, but of the text."""
import pathlib
import re

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "src"
EARLY = re.compile(r"\b(?:memcmp|strcmp|strncmp|span_equal|span_is)\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)")
SECRET = re.compile(r"\bmac\b|thumbprint|key_authorization|fingerprint|passphrase(?!_file)")


@pytest.mark.parametrize("path", [
    "core/jose/jws_mac.c", "server/gate/nonce.c", "server/validate/http_01.c", "server/validate/dns_01.c",
    "server/resource/key_change.c", "server/resource/external.c", "server/store/store_account.c"])
def test_what_decides_is_compared_in_constant_time(path):
    """S-SEC-6: MACs of nonces and of external account bindings, key authorizations, thumbprints."""
    assert "secret_equal(" in (SOURCE / path).read_text()


def test_nothing_else_stops_at_the_first_difference():
    """S-SEC-6."""
    found = [(str(file.relative_to(SOURCE)), match[0]) for file in sorted(SOURCE.rglob("*.c"))
             for match in EARLY.finditer(file.read_text()) if SECRET.search(match[0])]
    assert not found
