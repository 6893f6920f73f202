"""tls-alpn-01 beside a server that runs: cairn looks at each connection's first message and passes on what is not its
own. The server behind is nginx; what comes through must be what it sent."""
import concurrent.futures
import hashlib
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest

import house as house_module
import world
from fake_ca import FakeCa
from house import free_port
from pebble import Client, make_tls_certificate
from test_client_challenges import offering
from test_client_tls_alpn_01 import NAME

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
MEGABYTES = 5
USAGE = 64


class Nginx:
    """TLS on one port, the same behind the PROXY protocol on another."""

    def __init__(self, directory, address="127.0.0.1", port=None):
        self.directory = directory
        self.port, self.proxy_port = port or free_port(), free_port()
        os.chmod(directory, 0o755)
        make_tls_certificate(directory, f"DNS:{NAME}", "server")
        (directory / "www").mkdir()
        self.content = os.urandom(MEGABYTES << 20)
        (directory / "www/big").write_bytes(self.content)
        (directory / "nginx.conf").write_text(f"""
            daemon off; pid {directory}/nginx.pid; error_log {directory}/error.log; user root;
            events {{ }}
            http {{
              access_log off; client_max_body_size 100m; client_body_temp_path {directory}/body; proxy_temp_path {directory}/p;
              fastcgi_temp_path {directory}/f; uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
              ssl_certificate server-cert.pem; ssl_certificate_key server-key.pem;
              server {{ listen {address}:{self.port} ssl; root {directory}/www; dav_methods PUT; location = /who {{ return 200 $remote_addr; }} }}
              server {{ listen 127.0.0.1:{self.proxy_port} ssl proxy_protocol; location = /who {{ return 200 "$proxy_protocol_addr $proxy_protocol_port"; }} }}
            }}""")
        self.process = subprocess.Popen([NGINX, "-p", str(directory), "-c", str(directory / "nginx.conf")], stderr=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as s:
                if s.connect_ex((address, self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError((directory / "error.log").read_text())

    def close(self):
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    made = Nginx(tmp_path_factory.mktemp("nginx"))
    yield made
    made.close()


def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


def connect(port, **more):
    plain = socket.create_connection(("127.0.0.1", port), 30)
    return context().wrap_socket(plain, server_hostname=NAME, **more)


def get(connection, path):
    """The body, to the end."""
    connection.sendall(f"GET {path} HTTP/1.0\r\nHost: {NAME}\r\n\r\n".encode())
    text = b""
    while piece := connection.recv(1 << 20):
        text += piece
    head, _, body = text.partition(b"\r\n\r\n")
    assert b" 200 " in head.partition(b"\r\n")[0], head
    return body


class Standing:
    """A client whose CA waits until `end`, while its listener stands in front of nginx."""

    def __init__(self, tmp_path, way):
        self.fake_ca = FakeCa(tmp_path)
        self.client = Client(tmp_path / "state", self.fake_ca)
        self.port = free_port()
        self.reached, self.go_on = threading.Event(), threading.Event()
        offering(self.fake_ca, "tls-alpn-01")

        def challenge(request):
            self.reached.set()
            self.go_on.wait(120)

        self.fake_ca.answers["/challenge/0"] = challenge
        self.run = subprocess.Popen(self.client.command("issue", NAME, *self.client.common(), "--challenge", "tls-alpn-01",
                                                        "--tls-port", str(self.port), "--tls", way),
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.reached.wait(60), self.run.communicate()

    def end(self):
        """Its exit must not wait for what is still passed on."""
        self.go_on.set()
        out, error = self.run.communicate(timeout=60)
        assert "AddressSanitizer" not in error and "runtime error" not in error, error
        return self.run.returncode, out, error

    def close(self):
        self.go_on.set()
        self.run.kill()
        self.run.wait()
        self.fake_ca.close()


@pytest.fixture
def stand(tmp_path):
    made = []

    def make(way):
        made.append(Standing(tmp_path, way))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_both_are_answered_at_once(nginx, stand):
    """RFC 8737 4: what asks for acme-tls/1 and the name gets the challenge's certificate; many others meet nginx
    meanwhile, and what they get is what nginx has."""
    it = stand(f"splice:127.0.0.1:{nginx.port}")
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        def download(_):
            with connect(it.port) as c:
                return hashlib.sha256(get(c, "/big")).digest()

        def challenge(_):
            acme = context()
            acme.set_alpn_protocols(["acme-tls/1"])
            with socket.create_connection(("127.0.0.1", it.port), 30) as plain, acme.wrap_socket(plain, server_hostname=NAME) as c:
                return c.getpeercert(True), c.selected_alpn_protocol()

        downloads = [pool.submit(download, i) for i in range(8)]
        answers = list(pool.map(challenge, range(20)))
        assert {d.result() for d in downloads} == {hashlib.sha256(nginx.content).digest()}
    behind = ssl.PEM_cert_to_DER_cert((nginx.directory / "server-cert.pem").read_text())
    assert len(set(answers)) == 1 and answers[0][1] == "acme-tls/1" and answers[0][0] != behind
    with connect(it.port) as c:
        assert c.getpeercert(True) == behind


def test_uploads_and_ends(nginx, stand):
    """Octets go the other way too, and who says its last still hears the answer."""
    it = stand(f"splice:127.0.0.1:{nginx.port}")
    with connect(it.port) as c:
        c.sendall(f"PUT /up HTTP/1.0\r\nHost: {NAME}\r\nContent-Length: {len(nginx.content)}\r\n\r\n".encode())
        c.sendall(nginx.content)
        assert c.recv(100).split()[1] in (b"201", b"204")
    assert (nginx.directory / "www/up").read_bytes() == nginx.content
    with socket.create_connection(("127.0.0.1", it.port), 30) as plain:
        plain.sendall(b"GET / HTTP/1.0\r\n\r\n")  # no TLS: nginx has an opinion of that
        plain.shutdown(socket.SHUT_WR)
        assert b"The plain HTTP request was sent to HTTPS port" in plain.makefile("rb").read()


def test_another_client_behind(nginx, stand):
    """acme-tls/1 for a name that we prove nothing for is the server's affair: nginx refuses the protocol."""
    it = stand(f"splice:127.0.0.1:{nginx.port}")
    acme = context()
    acme.set_alpn_protocols(["acme-tls/1"])
    with socket.create_connection(("127.0.0.1", it.port), 30) as plain:
        with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
            acme.wrap_socket(plain, server_hostname="other.example.test")


def test_slow_and_silent_ones_keep_nobody_waiting(nginx, stand):
    it = stand(f"splice:127.0.0.1:{nginx.port}")
    idle = [socket.create_connection(("127.0.0.1", it.port), 30) for _ in range(300)]
    for s in idle[:100]:
        s.sendall(b"\x16\x03\x01\x02")
    with connect(it.port) as c:
        assert get(c, "/who") == b"127.0.0.1"
    for s in idle:
        s.close()
    out = it.end()
    assert out[0] == 0, out


@pytest.mark.parametrize("way", ["splice+proxy", "splice+proxy-v2"])
def test_who_connects_is_told(nginx, stand, way):
    it = stand(f"{way}:127.0.0.1:{nginx.proxy_port}")
    with connect(it.port) as c:
        port = c.getsockname()[1]
        assert get(c, "/who") == f"127.0.0.1 {port}".encode()


def test_a_download_outlives_the_run(nginx, stand):
    """cairn is done and gone while nginx is still sending; the port is free at once."""
    it = stand(f"splice:127.0.0.1:{nginx.port}")
    with connect(it.port) as c:
        c.sendall(f"GET /big HTTP/1.0\r\nHost: {NAME}\r\n\r\n".encode())
        text = c.recv(1000)
        code, out, error = it.end()
        assert code == 0, (out, error)
        with socket.socket() as s:
            assert s.connect_ex(("127.0.0.1", it.port)) != 0
        while piece := c.recv(1 << 20):
            text += piece
    assert text.partition(b"\r\n\r\n")[2] == nginx.content


def test_nobody_behind(stand, tmp_path):
    """The server behind is gone: its clients see that, the CA does not."""
    it = stand(f"splice:127.0.0.1:{free_port()}")
    with pytest.raises(OSError), connect(it.port):
        pass
    assert it.end()[0] == 0


@pytest.mark.parametrize("kind", ["pebble", "cairn-ca"])
def test_real_cas(nginx, kind, make_pebble, tmp_path):
    """Certificates by tls-alpn-01 while clients load what nginx has; none of them fails that was let in."""
    house = None
    if kind == "pebble":
        ca = make_pebble()
    else:
        tls_port = free_port()
        house = ca = house_module.House(tmp_path / "ca", sets=[f"validation.tls_port={tls_port}"])
        house.start()
        house.tls_port = tls_port
    client = Client(tmp_path / "state", ca)
    stop, failures, good = threading.Event(), [], []

    def load():
        while not stop.is_set():
            try:
                plain = socket.create_connection(("127.0.0.1", ca.tls_port), 30)
            except OSError:
                time.sleep(0.01)  # nobody stands there yet, or any more
                continue
            try:
                with context().wrap_socket(plain, server_hostname=NAME) as c:
                    good.append(get(c, "/big") == nginx.content)
            except OSError as e:
                failures.append(e)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for t in threads:
        t.start()
    try:
        done = client.issue("a.example.test", "b.example.test", "--challenge", "tls-alpn-01", "--tls-port", str(ca.tls_port), "--tls",
                            f"splice:127.0.0.1:{nginx.port}")
    finally:
        stop.set()
        for t in threads:
            t.join(60)
        if house is not None:
            house.close()
    assert re.search(r"prove +tls-alpn-01, answering on port \d+ \(splice:", done.stdout)
    assert all(good) and len(good) >= 1
    # a connection may have waited in the queue of the listener when it was closed
    assert all(isinstance(e, ConnectionResetError) for e in failures) and len(failures) <= 4, failures


@pytest.mark.parametrize("way", ["splice", "splice:", "splice:host:443", "splice:127.0.0.1", "splice+what:127.0.0.1:1", "else"])
def test_ways_that_are_none(cairn, way):
    done = cairn.issue(NAME, "--tls", way, code=USAGE)
    assert f'--tls: "{way}" is neither standalone nor splice:ADDRESS:PORT' in done.stderr


@pytest.fixture
def two_hosts():
    """This thread in a network of its own, and another host next to it."""
    namespace = world.Namespace()
    other = subprocess.Popen(["unshare", "-n", "sleep", "600"])
    try:
        while os.readlink(f"/proc/{other.pid}/ns/net") == os.readlink("/proc/thread-self/ns/net") or not pathlib.Path(f"/proc/{other.pid}/comm").read_text().startswith("sleep"):
            time.sleep(0.01)
        inside = ["nsenter", "-t", str(other.pid), "-n"]
        for words in (f"ip link add here type veth peer name there netns {other.pid}", "ip addr add 10.99.0.1/24 dev here",
                      "ip link set here up"):
            subprocess.run(words.split(), check=True)
        for words in ("ip addr add 10.99.0.2/24 dev there", "ip link set there up"):
            subprocess.run([*inside, *words.split()], check=True)
        yield inside
    finally:
        other.kill()
        other.wait()
        namespace.close()


def test_the_kernel_leads_to_it(two_hosts, tmp_path):
    """The recipe of cairn(1) for a server that stays on its port, with a connection that is older than that."""
    manual = (pathlib.Path(__file__).parents[2] / "docs/man/cairn.1.scd").read_text()
    rules = re.sub(r"\s+", " ", re.search(r"pre_hook: nft '(.*?)'", manual, re.DOTALL)[1])
    undo = re.search(r"post_hook: nft (.*)", manual)[1]
    (tmp_path / "nginx").mkdir()
    os.chmod(tmp_path, 0o755)
    server = Nginx(tmp_path / "nginx", "10.99.0.1", 443)
    it = None

    def seen(alpn):
        done = subprocess.run([*two_hosts, "openssl", "s_client", "-connect", "10.99.0.1:443", "-servername", NAME, "-alpn", alpn],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        return re.search(r"ALPN protocol: (\S+)", done.stdout), "CN = test server" in done.stdout

    try:
        old = subprocess.Popen([*two_hosts, "openssl", "s_client", "-quiet", "-connect", "10.99.0.1:443"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        it = Standing(tmp_path, "splice:10.99.0.1:443")
        subprocess.run(["nft", rules.replace(":8443", f":{it.port}")], check=True)
        protocol, is_nginx = seen("acme-tls/1")
        assert protocol[1] == "acme-tls/1" and not is_nginx
        assert seen("http/1.1")[1]
        assert old.communicate(b"GET /who HTTP/1.0\r\n\r\n", 30)[0].endswith(b"10.99.0.2")
        subprocess.run(["nft", *undo.split()], check=True)
        assert it.end()[0] == 0
        assert seen("http/1.1")[1]
    finally:
        if it is not None:
            it.close()
        server.close()
