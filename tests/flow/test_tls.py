"""The HTTPS door, TLS, asked by OpenSSL's and GnuTLS's own clients: versions, suites, ALPN, resumption, and what is not
offered (RFC 9325)."""
import re
import socket
import ssl
import subprocess
import warnings

import pytest

import house as house_module
from http_raw import Raw, context, get


@pytest.fixture(scope="module")
def door(tmp_path_factory, dns_stub):
    made = house_module.House(tmp_path_factory.mktemp("tls") / "ca", stub=dns_stub, sets=["limits.handshake_time=3s"])
    try:
        yield made.start()
        assert made.stop() == 0, made.text()
        assert "ERROR: AddressSanitizer" not in made.text() and "runtime error" not in made.text(), made.text()
    finally:
        made.close()


def s_client(door, *arguments, say=""):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{door.port}", "-CAfile", str(door.root),
                           *arguments], input=say, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def agreed(text):
    """Version and suite, None if there was no handshake."""
    found = re.search(r"New, (\S+), Cipher is (\S+)", text)
    assert found, text
    return None if found[2] == "(NONE)" else (found[1], found[2])


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_old_versions_are_refused(door, version):
    """S-TLS-2."""
    text = s_client(door, version, "-cipher", "ALL:@SECLEVEL=0")
    assert agreed(text) is None and "alert protocol version" in text, text


@pytest.mark.parametrize("version,name", [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
def test_versions(door, version, name):
    text = s_client(door, version, "-servername", "localhost", "-verify_return_error", "-verify_hostname", "localhost")
    assert agreed(text)[0] == name and "Verify return code: 0 (ok)" in text, text
    assert "Compression: NONE" in text and "Secure Renegotiation IS" in text, text
    assert "Server Temp Key: X25519" in text, text


def test_suites_of_tls_1_2(door):
    """S-TLS-2: Of all that OpenSSL knows, those with ephemeral keys and AEAD; the certificate's key is ECDSA."""
    listed = subprocess.run(["openssl", "ciphers", "-tls1_2", "-s", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"], check=True,
                            capture_output=True, text=True).stdout.strip()
    left, taken = listed, []
    while len(taken) < 20:
        found = agreed(s_client(door, "-tls1_2", "-cipher", left + ":@SECLEVEL=0"))
        if found is None:
            break
        taken.append(found[1])
        left += ":-" + found[1]
    assert sorted(taken) == ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
                             "ECDHE-ECDSA-CHACHA20-POLY1305"]


@pytest.mark.parametrize("group", ["P-521", "ffdhe2048"])
def test_other_groups_are_not_offered(door, group):
    assert agreed(s_client(door, "-tls1_3", "-groups", group)) is None


def test_no_renegotiation(door):
    text = s_client(door, "-tls1_2", say="R\n")
    assert "RENEGOTIATING" in text and "no renegotiation" in text, text


def test_no_early_data(door):
    """S-TLS-4: What is sent before the handshake ends could be sent again by others (RFC 8446 8)."""
    text = s_client(door, "-tls1_3", "-sess_out", f"{door.directory}/session",
                    say="GET /acme/directory HTTP/1.1\nQ\n")
    assert "Max Early Data: 0" in text or "Early data was not sent" in text, text


@pytest.mark.parametrize("offered,chosen", [
    (["h2", "http/1.1"], "h2"), (["http/1.1", "h2"], "h2"), (["http/1.1"], "http/1.1"), (["http/1.0"], "http/1.0"),
    (["foo", "http/1.1"], "http/1.1"), ([], None)])
def test_alpn(door, offered, chosen):
    with Raw(door, alpn=offered) as raw:
        assert raw.socket.selected_alpn_protocol() == chosen
        if chosen != "h2":
            raw.send(get())
            assert raw.answer().status == 200


@pytest.mark.parametrize("offered", [["foo"], ["acme-tls/1"], ["spdy/3.1"]])
def test_alpn_without_anything_in_common(door, offered):
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        Raw(door, alpn=offered)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_resumption(door, version):
    tls = context(door)
    tls.minimum_version = tls.maximum_version = version
    with Raw(door, tls=tls) as raw:
        raw.send(get())
        assert raw.answer().status == 200  # the ticket comes with it in TLS 1.3
        assert not raw.socket.session_reused
        session = raw.socket.session
    assert session.has_ticket
    with Raw(door, tls=tls, session=session) as raw:
        raw.send(get())
        assert raw.answer().status == 200
        assert raw.socket.session_reused


@pytest.mark.parametrize("name", ["unknown.test", None, "127.0.0.1"])
def test_any_name_is_answered(door, name):
    """There is one certificate; who asks by another name or none sees it, and judges."""
    tls = context(door)
    tls.check_hostname = False
    with Raw(door, tls=tls, name=name) as raw:
        assert ("DNS", "localhost") in raw.socket.getpeercert()["subjectAltName"]
        raw.send(get())
        assert raw.answer().status == 200


@pytest.mark.parametrize("said", [b"GET /acme/directory HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\0" * 100,
                                  b"\x16\x03\x01\xff\xff" + b"a" * 70000, b"\x80\x2e\x01\x00\x02"])
def test_what_is_no_tls(door, said):
    """S-TLS-1."""
    with socket.create_connection(("127.0.0.1", door.port), 20) as plain:
        plain.settimeout(20)
        try:
            plain.sendall(said)
            got = b""
            while more := plain.recv(1000):
                got += more
        except ConnectionError:
            return
        assert got == b"" or got[0] == 0x15, "nothing but an alert"


def test_end_without_close_notify(door):
    """A peer that just goes, in a handshake or behind it."""
    for _ in range(20):
        with Raw(door) as raw:
            raw.send(b"GET /acme/dir")
            plain = socket.socket(fileno=raw.socket.detach())
            plain.close()
    with Raw(door) as raw:
        raw.send(get())
        assert raw.answer().status == 200


def test_gnutls(door):
    done = subprocess.run(["gnutls-cli", "--x509cafile", str(door.root), "--alpn", "http/1.1", "-p", str(door.port),
                           "localhost"], input="GET /acme/directory HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                          "\r\n", capture_output=True, text=True, timeout=60)
    text = done.stdout + done.stderr
    assert "Status: The certificate is trusted." in text and "HTTP/1.1 200 OK" in text, text
    assert "was not properly terminated" not in text, text
