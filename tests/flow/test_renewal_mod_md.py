"""Apache with mod_md, a client that follows renewal information (RFC 9773) and says what it replaces: it renews when the
CA has an incident, and shows why."""
import pathlib
import sqlite3
import subprocess
import tempfile
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import house as house_module
from acme_raw import certificate_id
from test_admin import admin

pytestmark = pytest.mark.foreign
NAME = "md.flow.test"
URL = "https://ca.example.test/incident"
MODULES = ["mpm_event", "authz_core", "socache_shmcb", "ssl", "md"]
SECONDS = 120  # against hanging


class Apache:
    """It drops root's rights, so its folder is for everybody."""

    def __init__(self, folder, house):
        self.folder = folder
        self.process = None
        folder.chmod(0o755)
        (folder / "docs").mkdir()
        (folder / "root.pem").write_bytes(house.root.read_bytes())
        tls = house_module.free_port()
        modules = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in MODULES)
        (folder / "httpd.conf").write_text(f"""
{modules}
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/httpd.pid
ErrorLog {folder}/error.log
LogLevel warn md:info
User www-data
Group www-data
Listen 127.0.0.1:{house.http_port}
Listen 127.0.0.1:{tls}
ServerName {NAME}
DocumentRoot {folder}/docs
MDomain {NAME}
MDStoreDir {folder}/md
MDCertificateAuthority {house.url}
MDCACertificateFile {folder}/root.pem
MDCertificateAgreement accepted
MDContactEmail admin@flow.test
MDPortMap http:{house.http_port} https:{tls}
MDCAChallenges http-01
MDRenewViaARI on
MDCheckInterval 1s
MDInitialDelay 0s
<VirtualHost 127.0.0.1:{house.http_port}>
ServerName {NAME}
</VirtualHost>
<VirtualHost 127.0.0.1:{tls}>
ServerName {NAME}
SSLEngine on
</VirtualHost>
""")

    def start(self):
        with open(self.folder / "output", "ab") as output:
            self.process = subprocess.Popen(["/usr/sbin/apache2", "-f", str(self.folder / "httpd.conf"), "-DFOREGROUND"],
                                            stdout=output, stderr=output)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(SECONDS)

    def text(self):
        return "".join(p.read_text(errors="replace") for p in (self.folder / "output", self.folder / "error.log") if p.exists())


def wait_for(found, apache):
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        value = found()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(apache.text()[-4000:])


def orders(house):
    with sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True) as db:
        return db.execute("SELECT replaces FROM orders ORDER BY id").fetchall()


def issued(house):
    """The certificates, as PEM."""
    with sqlite3.connect(f"file:{house.directory}/cairn.db?mode=ro", uri=True) as db:
        return [x509.load_der_x509_certificate(row[0]).public_bytes(serialization.Encoding.PEM)
                for row in db.execute("SELECT der FROM certificate c JOIN issuance i ON i.id = c.id WHERE order_id <> 0 ORDER BY c.id")]


def test_an_incident_reaches_it(house):
    """S-ARI-2, 4, 9, 11: asked for by a client's own making of the name; renewed at once; `replaces`."""
    if not pathlib.Path("/usr/lib/apache2/modules/mod_md.so").exists():
        pytest.fail("Apache is not installed; see tools/packages.test")
    with tempfile.TemporaryDirectory(prefix="cairn-apache-") as folder:
        apache = Apache(pathlib.Path(folder), house)
        try:
            apache.start()
            old = wait_for(lambda: issued(house), apache)[0]
            wait_for(lambda: (pathlib.Path(folder) / f"md/staging/{NAME}/pubcert.pem").exists(), apache)
            apache.stop()
            apache.start()  # it uses what it got from now on, and asks when to renew it
            house.wait_for_line(rf"path=/acme/renewal-info/{certificate_id(old)} status=200", seconds=SECONDS)
            assert orders(house) == [(None,)]
            admin(house, "incident", "add", "--all", "--over", "1m", "--explanation", URL)
            wait_for(lambda: len(issued(house)) == 2, apache)
            assert orders(house) == [(None,), (certificate_id(old),)]
            assert URL in apache.text()
            assert "status=40" not in house.text(), house.text()
        finally:
            apache.stop()
