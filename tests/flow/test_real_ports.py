"""Clients we did not write, and ours, pass each challenge they know against cairn-ca where the ports are the real ones: 53,
80 and 443, in a network namespace. knotd is the authority of the names and takes updates with a TSIG key; hosts have an
IPv4 address, an IPv6 address, or both (issue 4)."""
import contextlib
import http.server
import os
import pathlib
import shutil
import socket
import sqlite3
import ssl
import subprocess
import threading
import time

import pytest

import house as house_module
import world as world_module
from judges import judge
from knot import KEY_NAME, KEY_SECRET, Knot
from test_foreign_clients import need, run

pytestmark = [pytest.mark.foreign,
              pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own takes root")]

V4, V6 = world_module.PUBLIC_V4, world_module.PUBLIC_V6
HOSTS = {"v4": f"A {V4}", "v6": f"AAAA {V6}", "dual": f"A {V4}\n{{0}} AAAA {V6}",
         "half": f"A {V4}\n{{0}} AAAA {world_module.REFUSING_V6}"}  # an IPv6 address that nobody listens at
CLIENTS = ["certbot", "lego", "uacme", "dehydrated", "cairn"]
TYPES = {"http-01": 0, "dns-01": 1, "tls-alpn-01": 2}  # as they are stored
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def zone():
    lines = [f"{owner} {text.format(owner)}\n" for name, text in HOSTS.items() for owner in (name, f"*.{name}")]
    return "".join(lines) + "_acme-challenge.elsewhere CNAME given._away.other.test.\n"


@pytest.fixture(scope="module")
def net():
    made = world_module.Namespace()
    yield made
    made.close()


@pytest.fixture(scope="module")
def knot(net, tmp_path_factory):
    need("knotd")
    made = Knot(tmp_path_factory.mktemp("knot"), {"real.test": zone(), "other.test": ""}, ("127.0.0.1", V6), port=53)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def house(knot, tmp_path_factory):
    """Everything as it is by default, but for the resolver."""
    made = house_module.House(tmp_path_factory.mktemp("ca") / "ca", stub=knot,
                              sets=["validation.http_port=80", "authorization.lifetime=0"])
    try:
        made.start()
        yield made
        assert made.stop() == 0, made.text()
        assert "ERROR: AddressSanitizer" not in made.text() and "runtime error" not in made.text(), made.text()
    finally:
        made.close()


# ---- servers for clients that have none ----

class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


@contextlib.contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def web(folder):
    """The folder at /.well-known/acme-challenge/, on port 80."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            path = folder / self.path.rpartition("/")[2]
            body = path.read_bytes() if path.is_file() else b""
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass
    return serving(Server(("::", 80), Handler))


def alpn(folder):
    """dehydrated leaves certificates to answer with, NAME.crt.pem and NAME.key.pem, for a server on port 443."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["acme-tls/1"])

    def choose(connection, name, _):
        chosen = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        chosen.set_alpn_protocols(["acme-tls/1"])
        chosen.load_cert_chain(folder / f"{name}.crt.pem", folder / f"{name}.key.pem")
        connection.context = chosen
    context.sni_callback = choose

    class Handler(http.server.BaseHTTPRequestHandler):
        def setup(self):
            with contextlib.suppress(OSError):
                context.wrap_socket(self.request, server_side=True).close()

        def handle(self):
            pass

        def finish(self):
            pass
    return serving(Server(("::", 443), Handler))


# ---- clients ----

def updater(tmp_path):
    """A program: update add|delete NAME VALUE, for the zone of NAME."""
    path = tmp_path / "update"
    path.write_text(f"""#!/bin/sh
zone=$(printf %s "$2" | sed 's/.*\\.\\([^.]*\\.[^.]*\\)$/\\1/')
printf 'server 127.0.0.1\\nzone %s.\\n%s %s. 60 TXT "%s"\\nsend\\n' "$zone" "$1" "$2" "$3" |
    exec knsupdate -y hmac-sha256:{KEY_NAME}:{KEY_SECRET}
""")
    path.chmod(0o755)
    return path


def certbot(house, tmp_path, kind, names):
    base = ["/usr/bin/certbot", "--server", house.url, "--config-dir", tmp_path / "c", "--work-dir", tmp_path / "w",
            "--logs-dir", tmp_path / "l", "--non-interactive", "certonly", "--agree-tos", "-m", "admin@real.test"]
    credentials = tmp_path / "credentials.ini"
    credentials.write_text(f"dns_rfc2136_server = 127.0.0.1\ndns_rfc2136_name = {KEY_NAME}\n"
                           f"dns_rfc2136_secret = {KEY_SECRET}\ndns_rfc2136_algorithm = HMAC-SHA256\n")
    credentials.chmod(0o600)
    way = {"http-01": ["--standalone"], "dns-01": ["--dns-rfc2136", "--dns-rfc2136-credentials", credentials,
                                                   "--dns-rfc2136-propagation-seconds", "0"]}[kind]
    run([*base, *way, "--cert-name", "it", *[word for name in names for word in ("-d", name)]],
        {"REQUESTS_CA_BUNDLE": str(house.root)})
    return tmp_path / "c/live/it/cert.pem", tmp_path / "c/live/it/chain.pem"


def lego(house, tmp_path, kind, names):
    way = {"http-01": ["--http"], "tls-alpn-01": ["--tls"],
           "dns-01": ["--dns", "rfc2136", "--dns.disable-cp", "--dns.resolvers", "127.0.0.1:53"]}[kind]
    run(["lego", "--server", house.url, "--path", tmp_path, "--email", "admin@real.test", "--accept-tos", *way,
         *[word for name in names for word in ("--domains", name)], "run"],
        {"LEGO_CA_CERTIFICATES": str(house.root), "RFC2136_NAMESERVER": "127.0.0.1", "RFC2136_TSIG_KEY": f"{KEY_NAME}.",
         "RFC2136_TSIG_SECRET": KEY_SECRET, "RFC2136_TSIG_ALGORITHM": "hmac-sha256.", "RFC2136_POLLING_INTERVAL": "1",
         "RFC2136_SEQUENCE_INTERVAL": "1"})
    stem = tmp_path / "certificates" / names[0].replace("*", "_")
    return pathlib.Path(f"{stem}.crt"), pathlib.Path(f"{stem}.issuer.crt")


def uacme(house, tmp_path, kind, names):
    folder, update, socket_path = tmp_path / "challenges", updater(tmp_path), tmp_path / "ualpn.sock"
    folder.mkdir()
    hook = tmp_path / "hook.sh"
    hook.write_text(f'''#!/bin/sh
[ "$2" = {kind} ] || exit 1
case "$1:$2" in
begin:http-01) printf %s "$5" >"{folder}/$4" ;;
begin:dns-01) exec {update} add "_acme-challenge.$3" "$5" ;;
*:dns-01) exec {update} delete "_acme-challenge.$3" "$5" ;;
begin:tls-alpn-01) echo "auth $3 $5" | ualpn -s "{socket_path}" | grep -q OK ;;
*:tls-alpn-01) echo "unauth $3" | ualpn -s "{socket_path}" | grep -q OK ;;
esac
''')
    hook.chmod(0o755)
    command = f'mount --bind "{house.root}" {BUNDLE} && exec uacme -v -a "{house.url}" -c "{tmp_path}/u" -y "$@"'
    private = ["unshare", "--mount", "sh", "-c", command, "sh"]
    with contextlib.ExitStack() as stack:
        if kind == "http-01":
            stack.enter_context(web(folder))
        if kind == "tls-alpn-01":
            stack.enter_context(ualpn(tmp_path, socket_path))
        run([*private, "new", "admin@real.test"])
        run([*private, "-t", "EC", "-h", hook, "issue", *names])
    chain = next((tmp_path / "u").glob("*real.test/cert.pem"))
    return chain, chain


@contextlib.contextmanager
def ualpn(tmp_path, socket_path):
    """uacme's own responder; it hands other connections on, to a port nobody listens at."""
    process = subprocess.Popen(["ualpn", "-v", "-S", "666", "-s", socket_path, "-p", tmp_path / "ualpn.pid", "-c", "127.0.0.1@444",
                                "-n", "2"], stdout=subprocess.DEVNULL, stderr=(tmp_path / "ualpn.log").open("wb"))
    deadline = time.monotonic() + 20
    while not socket_path.exists():
        assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "ualpn.log").read_text()
        time.sleep(0.02)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def dehydrated(house, tmp_path, kind, names):
    folder, update = tmp_path / "challenges", updater(tmp_path)
    folder.mkdir()
    hook = tmp_path / "hook.sh"
    hook.write_text(f'''#!/bin/sh
case "$1:{kind}" in
deploy_challenge:dns-01) exec {update} add "_acme-challenge.$2" "$4" ;;
clean_challenge:dns-01) exec {update} delete "_acme-challenge.$2" "$4" ;;
esac
''')
    hook.chmod(0o755)
    (tmp_path / "config").write_text(f'CA="{house.url}"\nBASEDIR="{tmp_path}"\nWELLKNOWN="{folder}"\nALPNCERTDIR="{folder}"\n'
                                     f'CHALLENGETYPE={kind}\nHOOK="{hook}"\nKEY_ALGO=secp384r1\n'
                                     f'CURL_OPTS="--cacert {house.root}"\n')
    (tmp_path / "domains.txt").write_text(" ".join(names) + " > it\n")
    base = ["dehydrated", "--config", tmp_path / "config"]
    run([*base, "--register", "--accept-terms"])
    with {"http-01": web, "tls-alpn-01": alpn, "dns-01": lambda _: contextlib.nullcontext()}[kind](folder):
        run([*base, "--cron"])
    return tmp_path / "certs/it/cert.pem", tmp_path / "certs/it/chain.pem"


def cairn(house, tmp_path, kind, names):
    key = tmp_path / "tsig.key"
    key.write_text(f"hmac-sha256:{KEY_NAME}:{KEY_SECRET}\n")
    key.chmod(0o600)
    way = ["--dns-server", "127.0.0.1", "--dns-resolver", "127.0.0.1", "--dns-key", key] if kind == "dns-01" else []
    run([house_module.CAIRN, "issue", *names, "--ca", house.url, "--ca-file", house.root, "--dir", tmp_path / "s",
         "--agree-tos", "--challenge", kind, *way])
    folder = next((tmp_path / "s").glob("**/cert.pem")).parent
    return folder / "cert.pem", folder / "chain.pem"


def passes(house, tmp_path, client, kind, names):
    """The client gets a certificate for the names, and each of them was proved so."""
    program = {"cairn": str(house_module.CAIRN)}.get(client, client)
    if shutil.which(program) is None:
        need(program)
    with sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True) as db:
        last = db.execute("SELECT coalesce(max(id), 0) FROM authz").fetchone()[0]
    certificate, chain = globals()[client](house, tmp_path, kind, names)
    judge(certificate, chain, house.root, names)
    with sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True) as db:
        rows = db.execute("SELECT value, wildcard, verdict, attempt_type FROM authz WHERE id > ?", (last,)).fetchall()
    assert sorted(rows) == sorted((name.removeprefix("*."), int(name.startswith("*.")), 1, TYPES[kind]) for name in names)


def pairs(*clients):
    """Each with each, but dehydrated, a shell script that takes a minute, with both families only."""
    return [(client, host) for client in clients for host in HOSTS if client != "dehydrated" or host == "dual"]


@pytest.mark.parametrize("client, host", pairs("certbot", "lego", "uacme", "dehydrated"))  # cairn: test_client_real_ports.py
def test_http_01(house, tmp_path, client, host):
    """Two names, at port 80."""
    passes(house, tmp_path, client, "http-01", [f"{client}.{host}.real.test", f"www.{host}.real.test"])


@pytest.mark.parametrize("client, host", pairs("lego", "uacme", "dehydrated"))
def test_tls_alpn_01(house, tmp_path, client, host):
    """Two names, at port 443. certbot has it no more."""
    passes(house, tmp_path, client, "tls-alpn-01", [f"{client}.{host}.real.test", f"www.{host}.real.test"])


@pytest.mark.parametrize("client", CLIENTS)
def test_dns_01(house, knot, tmp_path, client):
    """A wildcard, its base and a name of IPv6 only in one order: two records at one name; none is left behind."""
    names = [f"*.{client}.v4.real.test", f"{client}.v4.real.test", f"{client}.v6.real.test"]
    passes(house, tmp_path, client, "dns-01", names)
    for name in names[1:]:
        assert knot.texts(f"_acme-challenge.{name}") == []


def test_cairn_follows_an_alias(house, knot, tmp_path):
    """The record is put where _acme-challenge is an alias of, in another zone."""
    passes(house, tmp_path, "cairn", "dns-01", ["elsewhere.real.test"])
    assert knot.texts("given._away.other.test") == []
