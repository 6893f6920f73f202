"""http-01 by nginx and Apache httpd that run already: the real ones, with configurations that make it hard. Whatever
happens, their files are in the end what they were, to the octet."""
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest

from fake_ca import FakeCa
from house import free_port
from pebble import Client
from test_client_challenges import offering

MODULES = "/usr/lib/apache2/modules"
VALIDATION, USAGE = 5, 64
# acl(5): rw for the owner; r for the user 12345, the group, the mask, others
ACCESS_LIST = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, rights, who) for tag, rights, who in (
    (0x01, 6, 2**32 - 1), (0x02, 4, 12345), (0x04, 4, 2**32 - 1), (0x10, 4, 2**32 - 1), (0x20, 4, 2**32 - 1)))


def give_attributes(path):
    """Those of its administrator, where the file system has any."""
    for name, value in (("user.checked", b"by hand"), ("system.posix_acl_access", ACCESS_LIST)):
        try:
            os.setxattr(path, name, value)
        except OSError:
            pass


def files_of(directory):
    """Every configuration file: content, owner, mode, extended attributes with access lists, and whether it is a link."""
    found = {}
    for path in sorted(directory.rglob("*")):
        if path.suffix in (".conf", ".inc") or path.parent.name.startswith("sites-"):
            about = path.lstat()
            found[str(path)] = (path.is_symlink(), path.read_bytes(), about.st_mode, about.st_uid, about.st_gid,
                                {name: os.getxattr(path, name) for name in os.listxattr(path)})
    return found


class Server:
    """A web server with a folder of its own, on one port of loopback."""

    def __init__(self, directory, port):
        self.directory, self.port = directory, port
        for part in (directory, *list(directory.parents)[:3]):
            part.chmod(0o755)
        for name in ("sites-available", "sites-enabled", "www", "run"):
            (directory / name).mkdir()
        (directory / "www/index.html").write_text("hello")
        self.write()
        self.before = files_of(directory)
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        for _ in range(300):  # Apache reads its configuration once more after it has the port: until it answers
            with socket.socket() as s:
                s.settimeout(30)
                if s.connect_ex(("127.0.0.1", self.control)) == 0:
                    s.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    if s.recv(1):
                        return
            time.sleep(0.05)
        raise AssertionError((directory / "error.log").read_text())

    def put(self, name, text):
        path = self.directory / name
        path.write_text(text)
        give_attributes(path)
        return path

    def site(self, name, text):
        self.put(f"sites-available/{name}", text)
        (self.directory / "sites-enabled" / name).symlink_to(f"../sites-available/{name}")

    def get(self, host, path, address="127.0.0.1"):
        with socket.create_connection((address, self.port), 30) as s:
            s.sendall(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
            return s.makefile("rb").read().decode()

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(20)


class Nginx(Server):
    kind = "nginx"

    def write(self):
        self.control = free_port()
        p, d = self.port, self.directory
        self.main = self.put("nginx.conf", f"""
pid {d}/run/nginx.pid; error_log {d}/error.log; user root; daemon off;
events {{ worker_connections 512; }}
http {{
  access_log off; client_body_temp_path {d}/run/b; proxy_temp_path {d}/run/p; fastcgi_temp_path {d}/run/f; uwsgi_temp_path {d}/run/u; scgi_temp_path {d}/run/s;
  log_format odd '{{ "server {{": "$host" }}';
  server {{ listen 127.0.0.1:{self.control}; return 204; }}
  include sites-enabled/*;
}}
# no end of line here""")
        if p is None:
            return
        self.put("listen.inc", f"listen {p};\nlisten [::]:{p};\n")
        self.site("00-default", f"server {{ listen {p} default_server; listen [::]:{p} default_server; return 444; }}\n")
        self.site("redirect", f"server\n{{\n  listen {p};listen [::]:{p};\n  server_name redirect.example.test www.redirect.example.test;\n  return 301 https://$host$request_uri;\n}}\n")
        self.site("rewrites", f"server {{ include {d}/listen.inc; server_name rewrite.example.test; rewrite ^/(.*)$ /index.php?q=$1 last;\n location / {{ deny all; }} }}")
        self.site("auth", f"server {{ listen {p}; server_name .auth.example.test; auth_basic secret; auth_basic_user_file /dev/null; location ~ ^/\\.well-known {{ proxy_pass http://127.0.0.1:1; }} }}")
        self.site("regex", f"server {{ listen {p}; server_name \"~^re(?<n>[0-9]{{1,3}})\\.example\\.test$\"; if ($host) {{ return 403; }} }}\n")
        self.site("tls-only", f"# server {{ listen {p}; }}\nserver {{ listen 127.0.0.1:{self.control + 0}; server_name tls.example.test; return 204; }}\n")

    @property
    def command(self):
        return ["nginx", "-c", str(self.main)]


class Apache(Server):
    kind = "apache"

    def write(self):
        self.control = free_port()
        p, d = self.port, self.directory
        modules = "".join(f"LoadModule {m}_module {MODULES}/mod_{m}.so\n" for m in (
            "mpm_event", "authn_core", "authz_core", "authz_user", "auth_basic", "authn_file", "alias", "rewrite", "proxy", "proxy_http"))
        listen = f"Listen 127.0.0.1:{p}\nListen [::1]:{p}\n" if p else ""
        self.main = self.put("apache.conf", f"""ServerRoot {d}
PidFile {d}/run/apache.pid
Mutex file:{d}/run
Listen 127.0.0.1:{self.control}
{listen}ServerName main.example.test
ErrorLog {d}/error.log
{modules}User nobody
Group nogroup
DocumentRoot {d}/www
<Directory />
  Require all denied
</Directory>
IncludeOptional sites-enabled/*.conf
# no end of line here""")
        if p is None:
            return
        self.site("00-default.conf", f"<VirtualHost *:{p}>\nServerName default.example.test\nRedirect 410 /\n</VirtualHost>\n")
        self.site("redirect.conf", f"<VirtualHost *:{p}>\n  ServerName redirect.example.test\n  ServerAlias www.redirect.example.test\n  Redirect permanent / https://redirect.example.test/\n</VirtualHost>\n")
        self.site("rewrites.conf", f"<VirtualHost *:{p}>\r\nServerName rewrite.example.test\r\nRewriteEngine on\r\nRewriteRule ^ https://%{{SERVER_NAME}}%{{REQUEST_URI}} [R=301,END]\r\n</VirtualHost>")
        self.site("auth.conf", f"<VirtualHost *:{p}>\nServerName auth.example.test\nServerAlias *.auth.example.test\nProxyPass / http://127.0.0.1:1/\n<Location />\nAuthType Basic\nAuthName x\nAuthUserFile /dev/null\nRequire valid-user\n</Location>\n</VirtualHost>\n")
        self.site("v6.conf", f"<VirtualHost [::1]:{p}>\nServerName v6.example.test\nRedirect 410 /\n</VirtualHost>\n")

    @property
    def command(self):
        return ["apache2", "-f", str(self.main), "-DFOREGROUND"]


KINDS = {"nginx": Nginx, "apache": Apache}
HARD = ["redirect.example.test", "www.redirect.example.test", "rewrite.example.test", "auth.example.test", "deep.auth.example.test",
        "re12.example.test", "nobody-knows.example.test"]


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def start(tmp_path_factory):
    made = []

    def start_one(kind, port):
        made.append(KINDS[kind](tmp_path_factory.mktemp(kind), port))
        return made[-1]

    yield start_one
    for one in made:
        one.close()


def way(server):
    return ["--http", f"{server.kind}:{server.main}"]


def unharmed(server):
    assert files_of(server.directory) == server.before
    assert server.process.poll() is None
    assert "cairn" not in "".join(path.read_text() for path in server.directory.rglob("*.conf"))


def test_hard_ones(kind, start, cairn):
    """Names behind redirects, rewrites, passwords, proxies and regular expressions, and one that is nowhere: all in one order."""
    server = start(kind, cairn.ca.http_port)
    done = cairn.issue(*HARD, *way(server))
    assert re.search(rf"prove +http-01, answered by {kind} \({re.escape(str(server.main))}\)", done.stdout) and done.stderr == ""
    unharmed(server)
    assert not list((cairn.directory / "web").iterdir())
    assert cairn.json("renew", "--force")[0]["outcome"] == "renewed"  # remembered
    unharmed(server)
    # and it serves what it did
    assert " 301 " in server.get("redirect.example.test", "/.well-known/acme-challenge/x").partition("\n")[0]


def test_nothing_listens_there(kind, start, cairn):
    """A server that has no port 80 gets one for as long as it takes."""
    port = cairn.ca.http_port
    server = start(kind, None)
    cairn.issue("www.example.test", *way(server))
    unharmed(server)
    for _ in range(100):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) != 0:
                return
        time.sleep(0.1)
    raise AssertionError("the port is still open")


class Held:
    """A client whose CA waits while the web server answers."""

    def __init__(self, tmp_path, server_of):
        self.fake_ca = FakeCa(tmp_path)
        self.client = Client(tmp_path / "state", self.fake_ca)
        self.server = server_of(self.fake_ca.http_port)
        self.reached, self.go_on = threading.Event(), threading.Event()
        offering(self.fake_ca, "http-01")

        def challenge(request):
            self.reached.set()
            self.go_on.wait(120)

        self.fake_ca.answers["/challenge/0"] = challenge
        self.run = subprocess.Popen(self.client.command("issue", "redirect.example.test", *self.client.common(), *way(self.server)),
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.reached.wait(60), self.run.communicate()

    @property
    def path(self):
        return "/.well-known/acme-challenge/" + self.fake_ca.challenge_object(0)["token"]

    def close(self):
        self.go_on.set()
        self.run.kill()
        self.run.communicate()
        self.fake_ca.close()


@pytest.fixture
def hold(tmp_path, start, kind):
    made = []

    def make():
        made.append(Held(tmp_path, lambda port: start(kind, port)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_only_the_token_is_answered(hold):
    """While it answers, all else is as before, and other servers' files are not touched."""
    it = hold()
    answer = it.server.get("redirect.example.test", it.path)
    assert answer.startswith("HTTP/1.1 200") and it.fake_ca.challenge_object(0)["token"] + "." in answer
    for path in ("/", "/.well-known/acme-challenge/", it.path + "x", it.path + "/x", it.path.upper()):
        assert " 301 " in it.server.get("redirect.example.test", path).partition("\n")[0], path
    changed = [name for name, about in files_of(it.server.directory).items() if about != it.server.before[name]]
    # requests to [::1] come to Apache's virtual host for that address, whatever the name is
    assert changed and all(name.rpartition("/")[2] in ("redirect", "redirect.conf", "v6.conf") for name in changed), changed


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended(hold, how):
    """SIGTERM: it cleans up itself. SIGKILL: the next run does, whatever that is about, and edits of others stay."""
    it = hold()
    it.run.send_signal(how)
    it.go_on.set()
    it.run.communicate(timeout=60)
    site = next((it.server.directory / "sites-available").glob("redirect*"))
    if how == signal.SIGKILL:
        assert files_of(it.server.directory) != it.server.before
        assert list((it.client.directory / "web").iterdir())
        site.write_text("# edited meanwhile\n" + site.read_text())
        it.fake_ca.answers.clear()
        done = it.client.issue("other.example.test", code=None)  # standalone: the port is taken, but that does not matter
        assert re.search(r"^clean     took lines out of the configuration of (nginx|apache), left by an earlier run$", done.stdout, re.MULTILINE), done.stdout
        assert site.read_text().startswith("# edited meanwhile\n")
        site.write_text(site.read_text().removeprefix("# edited meanwhile\n"))
    unharmed(it.server)
    assert not list((it.client.directory / "web").iterdir())
    deadline = time.monotonic() + 20
    while " 301 " not in it.server.get("redirect.example.test", it.path).partition("\n")[0]:
        assert time.monotonic() < deadline, "it was not read anew"
        time.sleep(0.1)


def test_a_configuration_that_is_broken_already(kind, start, cairn):
    """Nothing is changed, the CA is not asked, and the server's own sentence is shown."""
    server = start(kind, cairn.ca.http_port)
    server.put("sites-available/zz.conf", "nonsense {")
    (server.directory / "sites-enabled/zz.conf").symlink_to("../sites-available/zz.conf")
    server.before = files_of(server.directory)
    done = cairn.issue("www.example.test", *way(server), code=None)
    assert done.returncode == VALIDATION
    assert len(done.stderr.splitlines()) == 1 and ("nonsense" in done.stderr or "failed" in done.stderr), done.stderr
    unharmed(server)


def test_a_server_that_does_not_run(kind, start, cairn):
    """It is not started by us, either."""
    server = start(kind, cairn.ca.http_port)
    server.close()
    for path in (server.directory / "run").glob("*.pid"):
        path.unlink()
    done = cairn.issue("www.example.test", *way(server), code=None)
    assert done.returncode == VALIDATION and len(done.stderr.splitlines()) == 1 and "does not run" in done.stderr, done.stderr
    assert files_of(server.directory) == server.before
    with socket.socket() as s:
        assert s.connect_ex(("127.0.0.1", server.port)) != 0


def test_many_at_once(kind, start, cairn, tmp_path):
    """Several runs with one server: none undoes what another needs, and no request of others fails meanwhile."""
    server = start(kind, cairn.ca.http_port)
    stop, failures, good = threading.Event(), [], []

    def load():
        while not stop.is_set():
            try:
                good.append(" 301 " in server.get("redirect.example.test", "/"))
            except OSError as e:
                failures.append(e)

    thread = threading.Thread(target=load)
    thread.start()
    clients = [Client(tmp_path / str(i), cairn.ca) for i in range(3)]
    runs = [subprocess.Popen([*c.command("issue", "www.example.test", *c.common()), *way(server)], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True) for c in clients]
    ends = [(run.communicate(timeout=120), run.returncode) for run in runs]
    stop.set()
    thread.join()
    assert [code for _, code in ends] == [0, 0, 0], ends
    assert all(good) and not failures, failures
    unharmed(server)


@pytest.mark.parametrize("words, says", [("nginx:relative.conf", "none of standalone"), ("apache:", "none of standalone"),
                                         ("nginx:/no/such/nginx.conf", "/no/such/nginx.conf"), ("iis", "none of standalone")])
def test_ways_that_are_none(cairn, words, says):
    done = cairn.issue("www.example.test", "--http", words, code=None)
    assert done.returncode in (USAGE, VALIDATION) and says in done.stderr, done.stderr


def test_a_hook(cairn, tmp_path):
    """certbot's variables, once for each name before the CA looks, and once afterwards; what it does is served by somebody."""
    www, log, program = tmp_path / "www", tmp_path / "log", tmp_path / "hook"
    (www / ".well-known/acme-challenge").mkdir(parents=True)
    program.write_text(f"""#!/bin/sh
echo "$1 $CERTBOT_DOMAIN" >>{log}
case $1 in
auth) printf %s "$CERTBOT_VALIDATION" >{www}/.well-known/acme-challenge/"$CERTBOT_TOKEN" ;;
cleanup) rm {www}/.well-known/acme-challenge/"$CERTBOT_TOKEN" ;;
esac
[ "$CERTBOT_DOMAIN" != bad.example.test ]
""")
    program.chmod(0o755)
    server = subprocess.Popen([sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(www), str(cairn.ca.http_port)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", cairn.ca.http_port)) == 0:
                    break
            time.sleep(0.05)
        cairn.issue("a.example.test", "b.example.test", "--http", f"hook:{program}")
        assert sorted(log.read_text().split("\n")) == ["", "auth a.example.test", "auth b.example.test", "cleanup a.example.test", "cleanup b.example.test"]
        assert not list((www / ".well-known/acme-challenge").iterdir())
        done = cairn.issue("bad.example.test", "--http", f"hook:{program}", code=VALIDATION)
        assert "http: hook, auth" in done.stderr and "ended with exit code 1" in done.stderr
        assert log.read_text().endswith("cleanup bad.example.test\n")
    finally:
        server.kill()
        server.wait()
