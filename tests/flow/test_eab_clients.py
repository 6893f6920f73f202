"""External account binding with clients we did not write: certbot, lego, uacme, and the library python3-acme."""
import os
import pathlib

import acme.client
import acme.errors
import acme.messages
import josepy
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

import house as house_module
import responder as responder_module
from judges import judge
from test_admin import admin
from test_foreign_clients import need, run

pytestmark = pytest.mark.foreign


@pytest.fixture
def house(tmp_path_factory):
    made = house_module.House(tmp_path_factory.mktemp("ca") / "ca",
                              sets=["directories.default.external_account=required"])
    try:
        made.start()
        yield made
        assert made.stop() == 0, made.text()
        assert "ERROR: AddressSanitizer" not in made.text() and "runtime error" not in made.text(), made.text()
    finally:
        made.close()


@pytest.fixture
def key(house):
    return admin(house, "eab", "add", "--uses", "1", "--allow-name", ".eab.flow.test")


def bound_accounts(house, key):
    return len(admin(house, "eab", "show", key["kid"])["accounts"])


def test_certbot(house, key, tmp_path):
    need("certbot")
    folders = ["--config-dir", tmp_path / "c", "--work-dir", tmp_path / "w", "--logs-dir", tmp_path / "l"]
    base = ["/usr/bin/certbot", "--server", house.url, *folders, "--non-interactive"]
    trust = {"REQUESTS_CA_BUNDLE": str(house.root)}
    run([*base, "certonly", "--standalone", "--http-01-port", house.http_port, "--agree-tos", "-m", "admin@flow.test",
         "--eab-kid", key["kid"], "--eab-hmac-key", key["hmac_key"], "-d", "certbot.eab.flow.test"], trust)
    live = tmp_path / "c/live/certbot.eab.flow.test"
    judge(live / "cert.pem", live / "chain.pem", house.root, ["certbot.eab.flow.test"])
    assert bound_accounts(house, key) == 1
    with pytest.raises(AssertionError):
        run([*base, "certonly", "--standalone", "--http-01-port", house.http_port, "-d", "other.flow.test"], trust)
    assert "none of those the external account key" in (tmp_path / "l/letsencrypt.log").read_text()


def test_lego(house, key, tmp_path):
    need("lego")
    base = ["lego", "--server", house.url, "--path", tmp_path, "--email", "admin@flow.test", "--accept-tos",
            "--http", "--http.port", f"127.0.0.1:{house.http_port}", "--domains", "lego.eab.flow.test"]
    bound = ["--eab", "--kid", key["kid"], "--hmac", key["hmac_key"]]
    trust = {"LEGO_CA_CERTIFICATES": str(house.root)}
    run([*base, *bound, "run"], trust)
    got = tmp_path / "certificates"
    judge(got / "lego.eab.flow.test.crt", got / "lego.eab.flow.test.issuer.crt", house.root, ["lego.eab.flow.test"])
    run([*base, *bound, "renew", "--days", "1000", "--no-random-sleep"], trust)  # it wants them though they are not used
    assert bound_accounts(house, key) == 1
    base[base.index(tmp_path)] = tmp_path / "second"
    with pytest.raises(AssertionError, match="as many accounts as it is good for"):
        run([*base, *bound, "run"], trust)


def test_uacme(house, key, tmp_path):
    need("uacme")
    folder = tmp_path / "challenges"
    folder.mkdir()
    served = responder_module.Responder(house.http_port)

    def answer(handler):
        body = (folder / handler.path.rpartition("/")[2]).read_bytes()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    served.answer = answer
    hook = tmp_path / "hook.sh"
    hook.write_text("#!/bin/sh\n"
                    f'[ "$2" = http-01 ] || exit 1\n'
                    f'case "$1" in begin) printf %s "$5" >"{folder}/$4";; esac\n')
    hook.chmod(0o755)
    bundle = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
    command = f'mount --bind "{house.root}" {bundle} && exec uacme -v -a "{house.url}" -c "{tmp_path}/u" -y "$@"'
    private = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    try:
        run([*private, "sh", "-c", command, "sh", "-e", f"{key['kid']}:{key['hmac_key']}", "new", "admin@flow.test"])
        run([*private, "sh", "-c", command, "sh", "-t", "EC", "-h", hook, "issue", "uacme.eab.flow.test"])
    finally:
        served.close()
    chain = tmp_path / "u/uacme.eab.flow.test/cert.pem"
    judge(chain, chain, house.root, ["uacme.eab.flow.test"])
    assert bound_accounts(house, key) == 1


def library(house, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(house.root))
    account_key = josepy.JWKRSA(key=rsa.generate_private_key(65537, 2048))
    net = acme.client.ClientNetwork(account_key)
    directory = acme.messages.Directory.from_json(net.get(house.url).json())
    return acme.client.ClientV2(directory, net=net), account_key


def test_python3_acme(house, key, monkeypatch):
    """The library that many clients stand on: refused without, registered with, and held to the key."""
    client, account_key = library(house, monkeypatch)
    assert client.external_account_required() is True
    registration = acme.messages.NewRegistration.from_data(email="admin@flow.test", terms_of_service_agreed=True)
    with pytest.raises(acme.messages.Error) as refused:
        client.new_account(registration)
    assert refused.value.typ == "urn:ietf:params:acme:error:externalAccountRequired"
    bound = acme.messages.ExternalAccountBinding.from_data(account_public_key=account_key.public_key(), kid=key["kid"],
                                                           hmac_key=key["hmac_key"], directory=client.directory)
    registration = acme.messages.NewRegistration.from_data(email="admin@flow.test", terms_of_service_agreed=True,
                                                           external_account_binding=bound)
    account = client.new_account(registration)
    assert account.body.external_account_binding == bound
    client.net.account = None
    with pytest.raises(acme.errors.ConflictError) as there:  # what it calls an account that was there
        client.new_account(registration)
    assert there.value.location == account.uri
    client.net.account = account
    assert admin(house, "eab", "show", key["kid"])["uses"] == 1
    with pytest.raises(acme.messages.Error) as refused:
        client.new_order(_csr("other.flow.test"))
    assert refused.value.typ == "urn:ietf:params:acme:error:rejectedIdentifier"
    assert client.new_order(_csr("library.eab.flow.test")).body.status.name == "pending"


def _csr(name):
    import acme.crypto_util
    from cryptography.hazmat.primitives import serialization
    made = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return acme.crypto_util.make_csr(made, [name])
