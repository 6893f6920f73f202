"""cairn issue --device tpm, with swtpm as the TPM, OpenSSL's provider for TPMs as who uses the key, and a CA that is not ours (tpm.py)."""
import datetime
import json
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import attestation
import swtpm
import tpm as tpm_module
from house import free_port
from pebble import Client
from exit_codes import FAILED, LATER, USAGE
from test_client_processes import family

LIVE = "device"
IDENTIFIER = "permanent-identifier:SN-1"

pytestmark = pytest.mark.skipif(swtpm.missing() is not None, reason=f"not here: {swtpm.missing()}")


@pytest.fixture(scope="module")
def makers(tmp_path_factory):
    return swtpm.MakersCA(tmp_path_factory.mktemp("makers") / "ca")


@pytest.fixture(scope="module")
def shared_tpm(makers, tmp_path_factory):
    """For tests that leave it as it was."""
    made = swtpm.Swtpm(tmp_path_factory.mktemp("tpm") / "tpm", makers)
    yield made
    made.stop()


@pytest.fixture
def own_tpm(makers, tmp_path):
    made = swtpm.Swtpm(tmp_path / "tpm", makers)
    yield made
    made.stop()


@pytest.fixture
def ca(tmp_path):
    made = tpm_module.DeviceCa(tmp_path)
    yield made
    made.close()


@pytest.fixture
def client(ca, tmp_path):
    return Client(tmp_path / "state", ca)


def device(tpm, *more):
    return ["--device", f"tpm:{tpm.tcti}", *more]


def loaded(tpm):
    """What takes places in the TPM."""
    return tpm.tool("tpm2_getcap", "handles-transient") + tpm.tool("tpm2_getcap", "handles-loaded-session")


def certificate(client, name=LIVE):
    return x509.load_pem_x509_certificate((client.live(name) / "cert.pem").read_bytes())


def spki(key):
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def one_sentence(done, *parts):
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("cairn: "), done.stderr
    for part in parts:
        assert part in lines[0], done.stderr


# ---- the whole way

def test_a_bare_tpm_gets_a_certificate(client, ca, shared_tpm):
    """EK, AK, attestation, certificate: what the device is called comes from the certificate of its attestation key."""
    done = client.issue(*device(shared_tpm))
    assert [w.split()[0] for w in done.stdout.splitlines()] == ["ca", "device", "enrol", "name", "key", "account", "order", "prove", "proved",
                                                                "issued", "stored"], done.stdout
    assert loaded(shared_tpm) == b""
    made = certificate(client)
    assert tpm_module.device_names(made) == [attestation.permanent_identifier("SN-1").value]
    (identifier, _, attested), = ca.attested
    assert identifier == {"type": "permanent-identifier", "value": "SN-1"} and spki(made.public_key()) == attested
    request, = ca.enrolled
    assert request["tpmInfo"]["version"] == 2 and int(request["tpmInfo"]["manufacturer"]) == int.from_bytes(b"IBM\0", "big")
    assert [swtpm.text(shared_tpm.ek_certificate())] == request["ekCerts"] and request["ek"] == swtpm.text(shared_tpm.ek_public())
    key = client.live(LIVE) / "key.pem"
    assert key.read_text().startswith("-----BEGIN TSS2 PRIVATE KEY-----\n") and key.stat().st_mode & 0o777 == 0o600
    kept, = (client.directory / "devices").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600 and kept.read_text().count("BEGIN CERTIFICATE") == 2
    assert json.loads((client.live(LIVE) / "metadata.json").read_text())["names"] == [IDENTIFIER]


def test_an_rsa_attestation_key(client, ca, shared_tpm):
    client.issue(*device(shared_tpm), "--attestation-key", "rsa2048")
    client.issue(*device(shared_tpm), "--attestation-key", "rsa2048", "--key", "rsa2048")
    assert [cbor2.loads(att)["attStmt"]["alg"] for _, att, _ in ca.attested] == [-257, -257] and len(ca.enrolled) == 1
    client.issue(*device(shared_tpm))
    client.run("renew")
    assert cbor2.loads(ca.attested[-1][1])["attStmt"]["alg"] == -7 and len(ca.enrolled) == 2


def test_a_pending_challenge_is_not_asked_for(client, ca, shared_tpm):
    """C-DA-4: the authorization is looked at; a challenge gets its attestation and nothing else."""
    client.issue(*device(shared_tpm))
    request, = ca.asked("/challenge/0")
    assert set(request.json()) == {"attObj"}


def test_show_says_where_the_key_is(client, shared_tpm):
    client.issue(*device(shared_tpm))
    shown = client.run("show", LIVE).stdout
    assert f"key       p256, in the device tpm:{shared_tpm.tcti}" in shown and IDENTIFIER in shown
    assert f"device-attest-01, tpm:{shared_tpm.tcti}" in shown
    assert client.json("show", LIVE)["device"] == f"tpm:{shared_tpm.tcti}"
    assert client.json("list")[0]["names"] == [IDENTIFIER]
    assert client.run("list").stdout.rstrip().endswith(f"; key in tpm:{shared_tpm.tcti}")


def test_what_is_there_is_kept(client, ca, shared_tpm):
    client.issue(*device(shared_tpm))
    assert client.issue(*device(shared_tpm)).stdout.startswith("kept ")
    assert "issued" in client.issue(*device(shared_tpm), "--key", "p384").stdout
    assert len(ca.enrolled) == 1 and len(ca.attested) == 2


OPENSSL_CONF = """openssl_conf = all
[all]
providers = providers
alg_section = algorithms
[providers]
default = on
tpm2 = on
[on]
activate = 1
[algorithms]
default_properties = ?provider=tpm2,tpm2.digest!=yes,tpm2.cipher!=yes
"""


def openssl_with(tcti, folder, **more):
    """The environment in which OpenSSL uses keys of that TPM; hashes are left to its own provider, as cairn(1) says."""
    (folder / "openssl.cnf").write_text(OPENSSL_CONF)
    return {**os.environ, "OPENSSL_CONF": str(folder / "openssl.cnf"), "TPM2OPENSSL_TCTI": tcti, **more}


class Broker:
    """The resource manager of tpm2-tss, on a bus of its own: the provider needs more places than a TPM has."""

    def __init__(self, tpm):
        out = subprocess.run(["dbus-daemon", "--session", "--fork", "--print-address=1", "--print-pid=1", "--nopidfile"], check=True, text=True,
                             capture_output=True).stdout.split()
        self.bus, self.environment = int(out[1]), {"DBUS_SESSION_BUS_ADDRESS": out[0]}
        self.process = subprocess.Popen(["tpm2-abrmd", "--session", *(["--allow-root"] if os.geteuid() == 0 else []), "--tcti", tpm.tcti],
                                        env={**os.environ, **self.environment}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.tcti = "tabrmd:bus_type=session"
        until = time.monotonic() + 60
        while subprocess.run(["tpm2_getcap", "-T", self.tcti, "properties-fixed"], env={**os.environ, **self.environment}, check=False,
                             capture_output=True).returncode != 0:
            assert time.monotonic() < until and self.process.poll() is None, self.process.stderr.read()
            time.sleep(0.1)

    def stop(self):
        self.process.terminate()
        self.process.communicate(timeout=60)
        os.kill(self.bus, signal.SIGTERM)


@pytest.fixture
def broker(shared_tpm):
    made = Broker(shared_tpm)
    yield made
    made.stop()


def software_peer(ca, folder):
    """Key and certificate of the other end, which has no TPM."""
    key = attestation.new_key()
    (folder / "peer-key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                            serialization.NoEncryption()))
    (folder / "peer.pem").write_bytes(ca.issue(key.public_key(), [x509.DNSName("peer.example.test")]))
    return ["-cert", str(folder / "peer.pem"), "-key", str(folder / "peer-key.pem")]


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize("kind", ["p256", "p384", "rsa2048"])
@pytest.mark.skipif(shutil.which("tpm2-abrmd") is None, reason="no tpm2-abrmd here")
def test_mutual_tls_with_the_key_in_the_tpm(client, ca, broker, kind, side, tmp_path):
    """By OpenSSL's provider for TPMs; cairn, too, goes through the resource manager."""
    client.issue("--device", f"tpm:{broker.tcti}", "--key", kind, environment=broker.environment)
    live = client.live(LIVE)
    ends = {"client": (software_peer(ca, tmp_path), os.environ), "server": (software_peer(ca, tmp_path), os.environ)}
    ends[side] = (["-cert", str(live / "cert.pem"), "-key", str(live / "key.pem")], openssl_with(broker.tcti, tmp_path, **broker.environment))
    trust = ["-CAfile", str(live / "chain.pem"), "-verify_return_error"]
    port = free_port()
    words, environment = ends["server"]
    server = subprocess.Popen(["openssl", "s_server", "-accept", str(port), "-Verify", "2", "-naccept", "1", "-quiet", *words, *trust],
                              env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        listening(port, server)
        words, environment = ends["client"]
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-brief", *words, *trust], env=environment,
                              input=b"hello\n", capture_output=True, timeout=120, check=False)
        out, errors = server.communicate(timeout=60)
    finally:
        server.kill()
        server.communicate()
    assert b"CONNECTION ESTABLISHED" in done.stderr and b"Verification: OK" in done.stderr, done.stderr + errors
    assert out == b"hello\n", errors


def listening(port, server):
    """Until the port is taken. Nothing is connected: it would be the one connection that is taken."""
    until = time.monotonic() + 60
    wanted = f":{port:04X} "
    while time.monotonic() < until:
        assert server.poll() is None, server.stderr.read()
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            for line in pathlib.Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[1].endswith(wanted.strip()) and fields[3] == "0A":
                    return
        time.sleep(0.05)
    raise AssertionError("nobody listens")


def test_renewal_without_options(client, ca, shared_tpm):
    """C-DA-2: a new key and a new attestation, with the attestation key that is there."""
    ca.lifetime = datetime.timedelta(hours=1.2)
    client.issue(*device(shared_tpm))
    first = certificate(client)
    client.run("renew")
    second = certificate(client)
    assert spki(first.public_key()) != spki(second.public_key()) and len(ca.enrolled) == 1
    statements = [cbor2.loads(att_obj)["attStmt"] for _, att_obj, _ in ca.attested]
    assert statements[0]["x5c"] == statements[1]["x5c"] and statements[0]["certInfo"] != statements[1]["certInfo"]
    assert loaded(shared_tpm) == b""


def test_the_same_key_for_all_names(client, ca, shared_tpm):
    """C-DA-2, 3: two names of a device and one of the DNS in an order; an attestation for each challenge, of one key."""
    client.issue("www.example.test", *device(shared_tpm), "--identifier", "permanent-identifier:SN-1", "--identifier",
                 "hardware-module:SN-1/1.3.6.1.4.1.99999.1", "--name", "all")
    assert [i["type"] for i, _, _ in ca.attested] == ["permanent-identifier", "hardware-module"]
    assert len({key for _, _, key in ca.attested}) == 1 and len({att for _, att, _ in ca.attested}) == 2
    names = certificate(client, "all").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {type(n).__name__ for n in names} == {"DNSName", "OtherName"} and len(list(names)) == 3


def test_the_attestation_key_is_renewed(client, ca, shared_tpm):
    now = datetime.datetime.utcnow()
    ca.ak_times = {"start": now - datetime.timedelta(days=9), "end": now + datetime.timedelta(days=4)}
    client.issue(*device(shared_tpm))
    client.issue(*device(shared_tpm), "--key", "p384")
    assert len(ca.enrolled) == 2
    ca.ak_times = {}
    client.issue(*device(shared_tpm))
    client.issue(*device(shared_tpm), "--key", "p384")
    assert len(ca.enrolled) == 3


def test_an_attestation_key_that_ends_soon_is_still_good(client, ca, shared_tpm):
    """When nobody gives it another certificate: a warning, until it has ended."""
    now = datetime.datetime.utcnow()
    ca.ak_times = {"start": now - datetime.timedelta(days=9), "end": now + datetime.timedelta(days=4)}
    client.issue(*device(shared_tpm))
    ca.answers["/attest"] = lambda r: tpm_module.problem("unauthorized", "not today", 403)
    done = client.issue(*device(shared_tpm), "--key", "p384")
    assert "ends soon: the attestation key got no certificate: not today" in done.stderr and len(ca.attested) == 2
    ca.ak_times = {"start": now - datetime.timedelta(days=9), "end": now - datetime.timedelta(days=4)}
    del ca.answers["/attest"]
    client.issue(*device(shared_tpm))
    ca.answers["/attest"] = lambda r: tpm_module.problem("unauthorized", "not today", 403)
    one_sentence(client.issue(*device(shared_tpm), "--key", "p384", code=FAILED), "not today")


def test_an_endorsement_key_without_certificate(client, ca, tmp_path):
    """As clouds and hypervisors have it: that of RSA, which an inventory knows by its hash."""
    made = swtpm.Swtpm(tmp_path / "bare", None)
    try:
        client.issue(*device(made))
        request, = ca.enrolled
        assert request["ekCerts"] == [] and request["ek"] == swtpm.text(made.ek_public())
    finally:
        made.stop()


def test_p256_endorsement_key_with_certificate(client, ca, tmp_path):
    """At 0x01c0000a, in an index that is larger than the certificate."""
    made = swtpm.Swtpm(tmp_path / "p256", None)
    try:
        made.make_ek("ecc")
        made.tool("tpm2_readpublic", "-c", "ek-ecc.ctx", "-f", "der", "-o", "ek.spki")
        key = serialization.load_der_public_key(made.octets("ek.spki"))
        octets = attestation.octets_of(attestation.Authority("Maker").issue("", key))
        (made.folder / "ek.der").write_bytes(octets + 700 * b"\xff")
        made.tool("tpm2_nvdefine", "-C", "o", "-s", str(len(octets) + 700), "-a", "ownerwrite|authread|ownerread", "0x01c0000a")
        made.tool("tpm2_nvwrite", "-C", "o", "-i", "ek.der", "0x01c0000a")
        client.issue(*device(made))
        request, = ca.enrolled
        assert request["ekCerts"] == [swtpm.text(octets)] and request["ek"] == swtpm.text(made.octets("ek.spki"))
        assert loaded(made) == b""
    finally:
        made.stop()


def test_the_rsa_endorsement_key_is_made_again(client, ca, own_tpm):
    """From the template, if nobody made it persistent: it is the one of the certificate."""
    expected = own_tpm.ek_public()
    own_tpm.tool("tpm2_evictcontrol", "-C", "o", "-c", swtpm.EK_RSA)
    client.issue(*device(own_tpm))
    request, = ca.enrolled
    assert request["ek"] == swtpm.text(expected) and len(request["ekCerts"]) == 1 and loaded(own_tpm) == b""


def test_a_persistent_storage_key_is_used(client, own_tpm, tmp_path):
    own_tpm.tool("tpm2_createprimary", "-C", "o", "-G", "ecc", "-c", "srk.ctx")
    own_tpm.tool("tpm2_evictcontrol", "-C", "o", "-c", "srk.ctx", "0x81000001")
    client.issue(*device(own_tpm))
    done = subprocess.run(["openssl", "pkey", "-in", str(client.live(LIVE) / "key.pem"), "-pubout",
                           "-outform", "DER"], env=openssl_with(own_tpm.tcti, tmp_path), capture_output=True,
                          timeout=60, check=False)
    assert done.stdout == spki(certificate(client).public_key()), done.stderr


# ---- what goes wrong

def test_no_tpm(client):
    one_sentence(client.issue("--device", "tpm:device:/dev/no-such-tpm", code=FAILED), "no TPM can be used at /dev/no-such-tpm")
    one_sentence(client.issue("--device", f"tpm:swtpm:host=127.0.0.1,port={free_port()}", code=FAILED), "no TPM can be reached")
    one_sentence(client.issue("--device", "tpm:nonsense", code=FAILED), 'no TPM can be reached by "nonsense"')
    one_sentence(client.issue("--device", "tpm", code=FAILED, environment={"CAIRN_TPM": "device:/dev/none"}), "/dev/none")
    assert not client.live(LIVE).exists() and not (client.directory / "devices").exists()


def test_a_cleared_tpm(client, ca, own_tpm):
    """The owner's keys are gone: nothing is changed, and --force begins anew."""
    ca.lifetime = datetime.timedelta(hours=1.2)
    client.issue(*device(own_tpm))
    before = (client.live(LIVE) / "cert.pem").read_bytes()
    own_tpm.tool("tpm2_clear", "-c", "p")
    done = client.run("renew", code=FAILED)
    assert "the TPM was cleared since, or is another one; --force makes new keys" in done.stderr
    assert (client.live(LIVE) / "cert.pem").read_bytes() == before and len(ca.enrolled) == 1
    client.run("renew", "--force")
    assert len(ca.enrolled) == 2 and (client.live(LIVE) / "cert.pem").read_bytes() != before


def test_another_tpm(client, own_tpm, shared_tpm):
    """The attestation key of one is of no use in another."""
    client.issue(*device(own_tpm))
    own_tpm.stop()
    own_tpm.state = shared_tpm.state.parent / "none"
    kept, = (client.directory / "devices").iterdir()
    client.issue(*device(shared_tpm), "--name", "other")
    for path in (client.directory / "devices").iterdir():
        path.write_bytes(kept.read_bytes())
    one_sentence(client.issue(*device(shared_tpm), "--name", "other", "--key", "p384", code=FAILED), "is another one")


def test_passwords_of_the_hierarchies(client, ca, own_tpm, tmp_path):
    own_tpm.tool("tpm2_changeauth", "-c", "o", "secret")
    own_tpm.tool("tpm2_changeauth", "-c", "e", "secret")
    one_sentence(client.issue(*device(own_tpm), code=FAILED), "another password (--pin-file)")
    pin = tmp_path / "pin"
    pin.write_text("wrong\n")
    pin.chmod(0o600)
    one_sentence(client.issue(*device(own_tpm, "--pin-file", pin), code=FAILED), "another password")
    pin.write_text("secret\n")
    client.issue(*device(own_tpm, "--pin-file", pin))
    pin.chmod(0o640)
    one_sentence(client.issue(*device(own_tpm, "--pin-file", pin), "--key", "p384", code=USAGE), "can be read by others")
    assert len(ca.attested) == 1


def test_a_lockout_stops_nobody_who_needs_no_password(client, own_tpm):
    own_tpm.tool("tpm2_dictionarylockout", "-s", "-n", "1", "-t", "1000", "-l", "1000")
    own_tpm.tool("tpm2_createprimary", "-C", "o", "-c", "locked.ctx", "-p", "right")
    with pytest.raises(AssertionError):
        own_tpm.tool("tpm2_create", "-C", "locked.ctx", "-P", "wrong", "-u", "u", "-r", "r")
    assert b"inLockout:                 1" in own_tpm.tool("tpm2_getcap", "properties-variable")
    client.issue(*device(own_tpm))


def test_all_places_taken(client, own_tpm):
    """A TPM without a resource manager: others have loaded three keys."""
    env = {**os.environ, "TPM2TOOLS_TCTI": own_tpm.tcti}
    for i in range(3):
        subprocess.run(["tpm2_createprimary", "-C", "o", "-G", "ecc", "-c", f"{own_tpm.folder}/{i}.ctx"], env=env, check=True,
                       capture_output=True)
    one_sentence(client.issue(*device(own_tpm), code=LATER), "others have taken all places for keys")


def test_an_attestation_ca_that_refuses(client, ca, shared_tpm):
    ca.answers["/attest"] = lambda r: tpm_module.problem("unauthorized", "nobody knows this TPM", 403)
    one_sentence(client.issue(*device(shared_tpm), code=FAILED), "the attestation key got no certificate: nobody knows this TPM")
    assert not (client.directory / "devices").exists()
    ca.enrollment = False
    one_sentence(client.issue(*device(shared_tpm), code=FAILED), "say --attestation-ca URL")
    del ca.answers["/attest"]
    client.issue(*device(shared_tpm), "--attestation-ca", ca.base + "/")


def test_a_credential_for_another_tpm(client, ca, shared_tpm, own_tpm):
    """Only the TPM with that EK and that AK can read it."""
    other = own_tpm.ek_public()

    def answer(request):
        status, headers, body = ca.attest({**json.loads(request.body), "ek": swtpm.text(other), "ekCerts": []})
        return status, headers, body

    ca.answers["/attest"] = answer
    done = client.issue(*device(shared_tpm), code=FAILED)
    assert "the credential of the attestation CA" in done.stderr and loaded(shared_tpm) == b""


@pytest.mark.parametrize("answer, sentence", [
    ({"credential": "AAA", "secret": "AAAA"}, "no credential in base64"),
    ({"credential": "AAAA"}, "no secret in base64"),
    ({"credential": "AAAA", "secret": "AAAA"}, "a credential that is none"),
    ([], "no credential in base64"),
])
def test_strange_answers_of_an_attestation_ca(client, ca, shared_tpm, answer, sentence):
    ca.answers["/attest"] = lambda r: (200, {}, answer)
    one_sentence(client.issue(*device(shared_tpm), code=FAILED), sentence)


def test_a_certificate_for_another_key(client, ca, shared_tpm):
    def answer(request):
        leaf = attestation.ak_certificate(ca.vendor, attestation.new_key().public_key())
        return 200, {}, {"chain": [swtpm.text(c) for c in ca.vendor.chain(leaf)]}

    ca.answers["/secret"] = answer
    one_sentence(client.issue(*device(shared_tpm), code=FAILED), "the attestation CA sent: it is for another key")
    ca.answers["/secret"] = lambda r: (200, {}, {"chain": []})
    one_sentence(client.issue(*device(shared_tpm), code=FAILED), "no chain")
    assert not (client.directory / "devices").exists()


def test_a_refused_attestation(client, ca, shared_tpm):
    ca.answers["/challenge/0"] = lambda r: tpm_module.problem("badAttestationStatement", "no root vouches for it")
    one_sentence(client.issue(*device(shared_tpm), code=FAILED), f"{IDENTIFIER} was not proved: no root vouches for it")
    assert loaded(shared_tpm) == b"" and not client.live(LIVE).exists()


def test_a_device_nobody_asked_for(client, ca, shared_tpm):
    other = attestation.permanent_identifier("SN-2")
    usual = ca.issue
    ca.issue = lambda key, names: usual(key, [other])
    one_sentence(client.issue(*device(shared_tpm), code=FAILED), "names a device nobody asked for")
    ca.issue = lambda key, names: usual(key, [])  # left out for privacy
    client.issue(*device(shared_tpm))


def test_a_ca_that_wants_no_name_of_the_device(client, ca, shared_tpm):
    """A request without it, if one with it is refused."""
    def answer(request):
        csr = x509.load_der_x509_csr(tpm_module.decode(request.json()["csr"]))
        if len(csr.extensions):
            return tpm_module.problem("badCSR", "names of devices are private here")
        ca.certificate = ca.issue(csr.public_key(), [x509.UniformResourceIdentifier("urn:uuid:0")])
        return 200, {}, ca.order_object()

    ca.answers["/finalize"] = answer
    assert "private   the CA leaves the device's name out" in client.issue(*device(shared_tpm)).stdout
    ca.answers["/finalize"] = lambda r: tpm_module.problem("badCSR", f"no {len(ca.asked('/finalize'))}")
    one_sentence(client.issue(*device(shared_tpm), "--key", "p384", code=FAILED), "no 3")


@pytest.mark.parametrize("words, sentence", [
    (["--device", "floppy"], "none of tpm (a TPM 2.0), pkcs11"),
    (["--identifier", IDENTIFIER], "--identifier is for a key in a device"),
    (["--pin-file", "/dev/null"], "--pin-file is for a key in a device"),
    (["--device", "tpm", "--identifier", "SN-1"], "neither permanent-identifier:VALUE nor hardware-module:VALUE"),
    (["--device", "tpm", "--identifier", "hardware-module:SN-1"], "hardware-module"),
    (["--device", "tpm", "--identifier", "permanent-identifier:"], "says no device"),
    (["--device", "tpm", "--identifier", IDENTIFIER, "--challenge", "http-01"], "cannot be proved by http-01, only by device-attest-01"),
    (["--device", "tpm", "--attestation-key", "p384"], "neither p256 nor rsa2048"),
    (["--attestation-key", "p256"], "--attestation-key is for a key in a device"),
    (["--device", "tpm", "--attestation-ca", "http://plain.example"], "no https URL"),
])
def test_wrong_command_lines(client, words, sentence):
    done = client.issue("www.example.test", *words, code=USAGE)
    assert sentence in done.stderr


def test_a_type_of_key_no_tpm_has(client, ca, shared_tpm):
    done = client.issue(*device(shared_tpm), "--key", "rsa4096", code=USAGE)
    assert "a TPM 2.0 has p256 p384 rsa2048, not" in done.stderr and not ca.enrolled


def test_damaged_state(client, ca, shared_tpm):
    client.issue(*device(shared_tpm))
    kept, = (client.directory / "devices").iterdir()
    kept.write_text(kept.read_text()[:300])
    done = client.issue(*device(shared_tpm), "--key", "p384", code=USAGE)
    assert "damaged; --force makes a new one" in done.stderr
    client.issue(*device(shared_tpm), "--force")
    assert len(ca.enrolled) == 2


class AtTheOrder:
    """A client that waits for the CA's order, with its device open."""

    def __init__(self, client, ca, tpm):
        self.go_on, reached = threading.Event(), threading.Event()

        def answer(request):
            reached.set()
            self.go_on.wait(60)
            return None

        ca.answers["/order"] = answer
        self.run = subprocess.Popen(client.command("issue", *device(tpm), *client.common()), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    text=True)
        assert reached.wait(60), self.run.communicate()
        self.device = family(self.run.pid)[-1]  # the last one that is started; nothing of its TPM is open between two calls

    def end(self):
        self.go_on.set()
        _, errors = self.run.communicate(timeout=60)
        return self.run.returncode, errors


CAP_DAC_OVERRIDE = 1 << 1


def test_the_process_of_the_device(client, ca, shared_tpm):
    """It has none of root's rights but to open files, and can gain none."""
    there = AtTheOrder(client, ca, shared_tpm)
    try:
        status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{there.device}/status").read_text().splitlines())
        for rights in ("CapEff", "CapPrm", "CapInh") + (("CapBnd",) if os.geteuid() == 0 else ()):
            assert int(status[rights], 16) & ~CAP_DAC_OVERRIDE == 0, rights
        assert os.geteuid() != 0 or int(status["CapEff"], 16) == CAP_DAC_OVERRIDE  # which no other process has alone
        assert status["NoNewPrivs"].strip() == "1"
        roots = {pathlib.Path(os.readlink(fd)) for fd in pathlib.Path(f"/proc/{there.device}/fd").iterdir()}
        assert not any(str(client.directory) in str(path) for path in roots), roots
    finally:
        code, errors = there.end()
    assert code == 0, errors


def test_the_process_of_the_device_is_killed(client, ca, shared_tpm):
    there = AtTheOrder(client, ca, shared_tpm)
    os.kill(there.device, signal.SIGKILL)
    code, errors = there.end()
    assert code == FAILED and "ended unexpectedly" in errors and loaded(shared_tpm) == b"" and not client.live(LIVE).exists()
