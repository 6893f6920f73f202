"""Servers that use certificates, with configurations of their own on loopback, without systemd: nginx, Apache httpd,
haproxy, Postfix, Dovecot."""
import contextlib
import datetime
import imaplib
import os
import pathlib
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

import house as house_module

PATIENCE = 20  # seconds
MODULES = "/usr/lib/apache2/modules"


def make_placeholder(folder, kind="p256", stem=""):
    """What a server starts with before there is a certificate; the names of the files."""
    key = rsa.generate_private_key(65537, 2048) if kind == "rsa2048" else ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "placeholder.test")])
    now = datetime.datetime.utcnow()
    made = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
            .serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30)).sign(key, hashes.SHA256()))
    texts = {"key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
             "full": made.public_bytes(Encoding.PEM)}
    texts["combined"] = texts["key"] + texts["full"]
    paths = {}
    for name, text in texts.items():
        paths[name] = folder / f"{stem}{name}.pem"
        paths[name].write_bytes(text)
        paths[name].chmod(0o600 if name != "full" else 0o644)
    return paths


def unverified():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Server:
    """One server; what a deployment to it says is in `deployment`."""

    program = None  # must be there
    starttls = None

    def __init__(self, folder, kinds=("p256",)):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.folder.chmod(0o755)
        self.tls = self.folder / "tls"
        self.tls.mkdir()
        self.kinds = kinds
        for kind in kinds:
            make_placeholder(self.tls, kind, "" if len(kinds) == 1 else f"{kind}.")
        self.port = house_module.free_port()
        self.config = self.folder / "server.conf"
        self.configure()
        try:
            self.start()
            self.wait()
        except BaseException:
            self.stop()
            raise

    def path(self, name):
        return self.tls / (name if len(self.kinds) == 1 else f"KEY.{name}")

    def deployment(self):
        return {"target": self.target, "config": self.config, "key_file": self.path("key.pem"),
                "fullchain_file": self.path("full.pem")}

    def check(self):
        return f"127.0.0.1:{self.port}" + (f"/starttls-{self.starttls}" if self.starttls else "")

    def wait(self):
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return self.serial()
            except OSError:
                assert time.monotonic() < end, f"{self.target} does not answer: {self.log()}"
                time.sleep(0.05)

    def log(self):
        return "".join(path.read_text(errors="replace")[-2000:] for path in self.folder.glob("*log*") if path.is_file())

    def run(self, *words, check=True):
        said = self.folder / "said.log"  # not a pipe: a daemon would keep it open
        with open(said, "wb") as out:
            code = subprocess.run([str(word) for word in words], stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                  timeout=PATIENCE, check=False).returncode
        assert not check or code == 0, f"{words}: {self.log()}"

    def certificate(self):
        """What it shows now, DER."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as s:
            with unverified().wrap_socket(s, server_hostname="www.example.test") as t:
                return t.getpeercert(binary_form=True)

    def serial(self):
        return x509.load_der_x509_certificate(self.certificate()).serial_number

    def begin(self):
        """Somebody in the middle of a request; the function returned ends it, and tells whether it was answered."""
        s = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        t = unverified().wrap_socket(s, server_hostname="www.example.test")
        t.sendall(b"GET / HTTP/1.1\r\nHost: www.example.test\r\n")

        def end():
            with t:
                t.sendall(b"Connection: close\r\n\r\n")
                return t.recv(9) == b"HTTP/1.1 "

        return end


class Nginx(Server):
    target = program = "nginx"

    def configure(self):
        pairs = "".join(f"ssl_certificate {self.path('full.pem')};\nssl_certificate_key {self.path('key.pem')};\n"
                        .replace("KEY", kind) for kind in self.kinds)
        temporary = "".join(f"{name}_temp_path {self.folder}/{name};\n"
                            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        self.config.write_text(f"pid {self.folder}/pid;\nerror_log {self.folder}/log;\nworker_processes 2;\nevents {{}}\n"
                               f"http {{\naccess_log off;\n{temporary}server {{\nlisten 127.0.0.1:{self.port} ssl;\n{pairs}"
                               "location / { return 200 ok; }\n}\n}\n")

    def start(self):
        self.run("nginx", "-c", self.config)

    def stop(self):
        self.run("nginx", "-c", self.config, "-s", "stop", check=False)


class Apache(Server):
    target, program = "apache", "apache2"

    def configure(self):
        pairs = "".join(f"SSLCertificateFile {self.path('full.pem')}\nSSLCertificateKeyFile {self.path('key.pem')}\n"
                        .replace("KEY.", f"{kind}.") for kind in self.kinds)
        modules = "".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so\n" for name in ("mpm_event", "authz_core", "ssl"))
        self.config.write_text(f"ServerRoot {self.folder}\nPidFile {self.folder}/pid\nServerName placeholder.test\n"
                               f"DefaultRuntimeDir {self.folder}\nErrorLog {self.folder}/log\nListen 127.0.0.1:{self.port}\n"
                               f"{modules}User www-data\nGroup www-data\nDocumentRoot {self.folder}\nSSLEngine on\n{pairs}")

    def start(self):
        self.run("apache2", "-f", self.config, "-k", "start")

    def stop(self):
        self.run("apache2", "-f", self.config, "-k", "stop", check=False)


class Haproxy(Server):
    """With a master process; Lone is without."""

    target = program = "haproxy"
    words = ["-W", "-D"]
    crt = "crt {tls}/combined.pem"

    def configure(self):
        self.config.write_text(f"global\n    pidfile {self.folder}/pid\n    stats socket {self.folder}/socket mode 600 level "
                               "admin expose-fd listeners\ndefaults\n    mode http\n    timeout client 5s\n"
                               "    timeout server 5s\n    timeout connect 5s\nfrontend all\n"
                               f"    bind 127.0.0.1:{self.port} ssl {self.crt.format(tls=self.tls)}\n"
                               "    http-request return status 200\n")

    def deployment(self):
        return {"target": "haproxy", "config": self.config, "combined_file": self.tls / "combined.pem"}

    def start(self):
        self.run("haproxy", "-f", self.config, *self.words)

    def stop(self):
        with contextlib.suppress(OSError, ValueError):
            for pid in (self.folder / "pid").read_text().split():
                os.kill(int(pid), signal.SIGTERM)


class Lone(Haproxy):
    words = ["-D"]


class Bundle(Haproxy):
    """Several certificates for one name by haproxy's own convention: site.pem.rsa, site.pem.ecdsa."""

    crt = "crt {tls}/site.pem"

    def configure(self):
        for kind in self.kinds:
            (self.tls / f"{kind}.combined.pem").rename(self.tls / f"site.pem.{'rsa' if kind == 'rsa2048' else 'ecdsa'}")
        super().configure()

    def deployment(self):
        return {**super().deployment(), "combined_file": self.tls / "site.pem.ALGORITHM"}


class List(Haproxy):
    """Several by a list of files."""

    crt = "crt-list {tls}/list"

    def configure(self):
        (self.tls / "list").write_text("".join(f"{self.tls}/{kind}.combined.pem\n" for kind in self.kinds))
        super().configure()

    def deployment(self):
        return {**super().deployment(), "combined_file": self.tls / "KEY.combined.pem"}


class Postfix(Server):
    target, program, starttls = "postfix", "postfix", "smtp"

    def configure(self):
        self.config = self.folder / "etc"
        for name in ("etc", "queue", "data"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        (self.config / "main.cf").write_text(
            f"compatibility_level = 3.6\nqueue_directory = {self.folder}/queue\ndata_directory = {self.folder}/data\n"
            f"config_directory = {self.config}\nmyhostname = mx.example.test\nmydestination =\ninet_interfaces = 127.0.0.1\n"
            f"inet_protocols = ipv4\nsmtpd_tls_chain_files = {self.chains()}\nsmtpd_tls_security_level = may\n"
            f"smtpd_tls_session_cache_database =\nmaillog_file = {self.folder}/log\nmaillog_file_prefixes = {self.folder}\n"
            "smtpd_recipient_restrictions = reject\nlocal_recipient_maps =\nalias_maps =\n")
        (self.config / "master.cf").write_text(
            f"127.0.0.1:{self.port} inet n - n - - smtpd\ncleanup unix n - n - 0 cleanup\n"
            "qmgr unix n - n 300 1 qmgr\ntlsmgr unix - - n 1000? 1 tlsmgr\nrewrite unix - - n - - trivial-rewrite\n"
            "anvil unix - - n - 1 anvil\npostlog unix-dgram n - n - 1 postlogd\nproxymap unix - - n - - proxymap\n")

    def chains(self):
        return ", ".join(str(self.path("combined.pem")).replace("KEY.", f"{kind}.") for kind in self.kinds)

    def deployment(self):
        return {"target": "postfix", "config": self.config, "combined_file": self.path("combined.pem")}

    def start(self):
        self.run("postfix", "-c", self.config, "start")

    def stop(self):
        self.run("postfix", "-c", self.config, "stop", check=False)

    def begin(self):
        mail = smtplib.SMTP("127.0.0.1", self.port, timeout=PATIENCE)
        mail.starttls(context=unverified())
        mail.ehlo()

        def end():
            with mail:
                return mail.noop()[0] == 250

        return end

    def certificate(self):
        with smtplib.SMTP("127.0.0.1", self.port, timeout=PATIENCE) as mail:
            mail.starttls(context=unverified())
            return mail.sock.getpeercert(binary_form=True)


class Dovecot(Server):
    target, program, starttls = "dovecot", "dovecot", "imap"

    def configure(self):
        self.config.write_text(
            f"base_dir = {self.folder}/run\nstate_dir = {self.folder}/state\nlog_path = {self.folder}/log\n"
            f"protocols = imap\nlisten = 127.0.0.1\nssl = yes\n{self.pairs()}passdb {{\n  driver = static\n  args = nopassword=y\n}}\n"
            "userdb {\n  driver = static\n  args = uid=65534 gid=65534 home=/nonexistent\n}\n"
            f"service imap-login {{\n  inet_listener imap {{\n    port = {self.port}\n  }}\n"
            "  inet_listener imaps {\n    port = 0\n  }\n}\n")

    def pairs(self):
        return "".join(f"ssl_{which}cert = <{self.path('full.pem')}\nssl_{which}key = <{self.path('key.pem')}\n"
                       .replace("KEY.", f"{kind}.") for which, kind in zip(("", "alt_"), self.kinds))

    def start(self):
        self.run("dovecot", "-c", self.config)

    def stop(self):
        self.run("doveadm", "-c", self.config, "stop", check=False)

    def begin(self):
        mail = imaplib.IMAP4("127.0.0.1", self.port, timeout=PATIENCE)
        mail.starttls(ssl_context=unverified())

        def end():
            said = mail.noop()[0]
            mail.shutdown()
            return said == "OK"

        return end

    def certificate(self):
        mail = imaplib.IMAP4("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            mail.starttls(ssl_context=unverified())
            return mail.sock.getpeercert(binary_form=True)
        except imaplib.IMAP4.error as failure:
            raise OSError(str(failure)) from failure
        finally:
            mail.shutdown()


ALL = [Nginx, Apache, Haproxy, Lone, Postfix, Dovecot]
SEVERAL = [Nginx, Apache, Bundle, List, Postfix, Dovecot]  # that can have an RSA and an ECDSA certificate for one name


class Stream:
    """Connections to a server, one after the other, until the end; `failures` tells of those it dropped."""

    def __init__(self, server):
        self.server, self.failures, self.serials = server, [], []
        self.going = True
        self.thread = threading.Thread(target=self.go, daemon=True)
        self.thread.start()

    def go(self):
        while self.going:
            try:
                self.serials.append(self.server.serial())
            except (OSError, smtplib.SMTPException) as failure:
                self.failures.append(repr(failure))

    def wait_for(self, serial):
        """Postfix takes a second to welcome who comes during a reload."""
        end = time.monotonic() + PATIENCE
        while serial not in self.serials and time.monotonic() < end:
            time.sleep(0.05)

    def end(self):
        self.going = False
        self.thread.join(PATIENCE)
