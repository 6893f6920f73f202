"""TPM2_MakeCredential in software (core/tpm/credential): a TPM opens it, and only for that name and that endorsement key."""
import os
import subprocess

import pytest

import swtpm
from house import BUILD

pytestmark = pytest.mark.skipif(swtpm.missing() is not None, reason=f"not there: {swtpm.missing()}")

MAKE = os.path.join(BUILD, "tests", "lib", "make_credential")


@pytest.fixture(scope="module")
def tpm(tmp_path_factory):
    one = swtpm.Swtpm(tmp_path_factory.mktemp("tpm") / "one")
    yield one
    one.stop()


@pytest.fixture(scope="module")
def ak(tpm):
    return tpm.make_ak()


def make(tmp_path, ek, name, secret):
    (tmp_path / "ek").write_bytes(ek)
    subprocess.run([MAKE, tmp_path / "ek", name.hex(), secret.hex(), tmp_path / "out"], check=True, timeout=60)
    octets = (tmp_path / "out").read_bytes()[8:]
    length = 2 + int.from_bytes(octets[:2], "big")
    return octets[:length], octets[length:]


def ek_of(tpm, kind):
    if kind == "rsa2048":
        return swtpm.EK_RSA
    return swtpm.EK_P384 if kind == "p384" else tpm.make_ek("ecc")


@pytest.mark.parametrize("kind", ["rsa2048", "p256", "p384"])
def test_a_tpm_opens_it(tmp_path, tpm, ak, kind):
    """Several times: the ECC ones have another point each time, some with leading zeros."""
    ek = ek_of(tpm, kind)
    public = tpm.ek_public(ek)
    for length in (32, 32, 32, 16, 1):
        secret = os.urandom(length)
        assert tpm.activate(ak, ek, *make(tmp_path, public, ak.name, secret)) == secret


@pytest.mark.parametrize("kind", ["rsa2048", "p256", "p384"])
def test_it_opens_it_for_no_other_key(tmp_path, tpm, ak, kind):
    ek = ek_of(tpm, kind)
    other = tpm.make_ak()
    made = make(tmp_path, tpm.ek_public(ek), other.name, os.urandom(32))
    with pytest.raises(AssertionError, match="integrity|0x1df|0x2df"):
        tpm.activate(ak, ek, *made)


def test_another_tpm_does_not_open_it(tmp_path, tmp_path_factory, tpm, ak):
    other = swtpm.Swtpm(tmp_path_factory.mktemp("tpm") / "other")
    try:
        made = make(tmp_path, other.ek_public(swtpm.EK_RSA), ak.name, os.urandom(32))
        with pytest.raises(AssertionError, match="tpm2_activatecredential"):
            tpm.activate(ak, swtpm.EK_RSA, *made)
    finally:
        other.stop()
