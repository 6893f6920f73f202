"""A software TPM (swtpm) with endorsement keys and certificates by a CA of its own (swtpm_localca), and tpm2-tools as what
speaks to it: neither of them is ours."""
import base64
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

TRIES = 20  # of ports

EK_RSA = "0x81010001"  # RSA 2048, certificate in 0x01c00002
EK_P384 = "0x81010016"  # P-384, certificate in 0x01c00016
CERTIFICATES = {EK_RSA: "0x01c00002", EK_P384: "0x01c00016"}

AK = "restricted|sign|fixedtpm|fixedparent|sensitivedataorigin|userwithauth"
SCHEMES = {"ecc": "ecc:ecdsa-sha256:null", "ecc384": "ecc384:ecdsa-sha384:null", "rsa": "rsa2048:rsassa-sha256:null",
           "pss": "rsa2048:rsapss-sha256:null"}


def missing():
    """What of the programs is not there, or None."""
    gone = [name for name in ("swtpm", "swtpm_setup", "swtpm_localca", "tpm2_create") if shutil.which(name) is None]
    return ", ".join(gone) or None


def run(*command, **more):
    done = subprocess.run([str(part) for part in command], capture_output=True, timeout=120, **more)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(str(part) for part in command)}: {done.stderr.decode(errors='replace')}")
    return done.stdout


class MakersCA:
    """Who makes TPMs: a root and an issuer of certificates for endorsement keys."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        (self.folder / "localca.conf").write_text(
            f"statedir = {folder}\nsigningkey = {folder}/signkey.pem\nissuercert = {folder}/issuercert.pem\n"
            f"certserial = {folder}/certserial\n")
        (self.folder / "localca.options").write_text("")
        (self.folder / "setup.conf").write_text(
            f"create_certs_tool = {shutil.which('swtpm_localca')}\ncreate_certs_tool_config = {folder}/localca.conf\n"
            f"create_certs_tool_options = {folder}/localca.options\n")

    @property
    def root(self):
        return self.folder / "swtpm-localca-rootca-cert.pem"

    @property
    def issuer(self):
        return self.folder / "issuercert.pem"


def free_ports():
    """Two neighbours that nobody has: what swtpm answers commands on, and its control."""
    for _ in range(TRIES):
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            try:
                other.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise AssertionError("no two free ports in a row")


class Swtpm:
    """One TPM. `makers`: who certifies its endorsement keys; None: nobody."""

    def __init__(self, folder, makers=None):
        self.folder = pathlib.Path(folder)
        self.state = self.folder / "state"
        self.state.mkdir(parents=True)
        setup = ["swtpm_setup", "--tpm2", "--tpmstate", self.state, "--create-ek-cert" if makers else "--createek"]
        if makers:
            setup += ["--config", makers.folder / "setup.conf"]
        run(*setup)
        self.process = None
        self.start()

    def start(self):
        for _ in range(TRIES):
            self.port = free_ports()
            self.process = subprocess.Popen(
                ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.state}", "--server",
                 f"type=tcp,port={self.port},bindaddr=127.0.0.1", "--ctrl",
                 f"type=tcp,port={self.port + 1},bindaddr=127.0.0.1", "--flags", "not-need-init,startup-clear"],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            if self._is_up():
                return
            self.stop()
        raise AssertionError("swtpm does not start")

    def _is_up(self):
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port + 1), timeout=5).close()
                return True
            except OSError:
                time.sleep(0.05)
        return False

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)
            self.process.stderr.close()
        self.process = None

    @property
    def tcti(self):
        return f"swtpm:host=127.0.0.1,port={self.port}"

    def tool(self, *command):
        """One of tpm2-tools, in this TPM's folder; nothing stays loaded behind it."""
        env = dict(os.environ, TPM2TOOLS_TCTI=self.tcti)
        try:
            return run(*command, cwd=self.folder, env=env)
        finally:
            if command[0] not in ("tpm2_startauthsession", "tpm2_policysecret"):
                run("tpm2_flushcontext", "-t", cwd=self.folder, env=env)

    def octets(self, name):
        return (self.folder / name).read_bytes()

    # ---- endorsement keys

    def ek_certificate(self, ek=EK_RSA):
        """DER, as it is in the TPM."""
        self.tool("tpm2_nvread", CERTIFICATES[ek], "-o", "ek.der")
        return self.octets("ek.der")

    def ek_public(self, ek=EK_RSA):
        """SubjectPublicKeyInfo, DER."""
        self.tool("tpm2_readpublic", "-c", ek, "-f", "der", "-o", "ek.spki")
        return self.octets("ek.spki")

    def make_ek(self, kind="ecc"):
        """Another endorsement key, by the template of the profile (P-256, or RSA 2048); its context's name."""
        self.tool("tpm2_createek", "-G", kind, "-c", f"ek-{kind}.ctx", "-u", f"ek-{kind}.pub")
        return f"ek-{kind}.ctx"

    # ---- attestation keys

    def make_ak(self, kind="ecc", attributes=AK):
        """A key below the storage root key, with what TPM2_CertifyCreation says of it."""
        ak = Ak(self, kind)
        self.tool("tpm2_createprimary", "-C", "o", "-g", "sha256", "-G", "ecc", "-c", "srk.ctx")
        self.tool("tpm2_create", "-C", "srk.ctx", "-G", SCHEMES[kind], "-g", "sha256", "-a", attributes, "-u", ak.file("pub"),
                  "-r", ak.file("priv"), "--creation-data", ak.file("data"), "--creation-hash", ak.file("hash"), "-t",
                  ak.file("ticket"))
        self.tool("tpm2_load", "-C", "srk.ctx", "-u", ak.file("pub"), "-r", ak.file("priv"), "-c", ak.file("ctx"), "-n",
                  ak.file("name"))
        return ak

    def activate(self, ak, ek, credential, secret):
        """TPM2_ActivateCredential; TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET."""
        (self.folder / "credential").write_bytes(b"\xba\xdc\xc0\xde\x00\x00\x00\x01" + credential + secret)
        command = ["tpm2_activatecredential", "-c", ak.file("ctx"), "-C", ek, "-i", "credential", "-o", "secret"]
        if ek == EK_P384:  # has userWithAuth, the others need TPM2_PolicySecret
            self.tool(*command)
            return self.octets("secret")
        self.tool("tpm2_startauthsession", "--policy-session", "-S", "session")
        try:
            self.tool("tpm2_policysecret", "-S", "session", "-c", "e")
            self.tool(*command, "-P", "session:session")
        finally:
            self.tool("tpm2_flushcontext", "session")
        return self.octets("secret")


class Ak:
    """A key in a TPM, as files of tpm2-tools."""
    count = 0

    def __init__(self, tpm, kind):
        Ak.count += 1
        self.tpm, self.kind, self.name_of_files = tpm, kind, f"ak{Ak.count}"

    def file(self, what):
        return f"{self.name_of_files}.{what}"

    @property
    def public(self):
        """TPMT_PUBLIC"""
        return self.tpm.octets(self.file("pub"))[2:]

    @property
    def name(self):
        return self.tpm.octets(self.file("name"))

    @property
    def data(self):
        """TPMS_CREATION_DATA"""
        return self.tpm.octets(self.file("data"))[2:]

    def spki(self):
        self.tpm.tool("tpm2_readpublic", "-c", self.file("ctx"), "-f", "der", "-o", self.file("spki"))
        return self.tpm.octets(self.file("spki"))

    def certify_creation(self, by=None):
        """TPMS_ATTEST and TPMT_SIGNATURE."""
        by = by or self
        scheme = ["-s", "rsassa"] if by.kind == "rsa" else ["-s", "rsapss"] if by.kind == "pss" else []
        hash_name = "sha384" if by.kind == "ecc384" else "sha256"
        self.tpm.tool("tpm2_certifycreation", "-C", by.file("ctx"), "-c", self.file("ctx"), "-d", self.file("hash"), "-t",
                      self.file("ticket"), "-g", hash_name, *scheme, "-o", self.file("sig"), "-f", "tss", "--attestation",
                      self.file("att"))
        return self.tpm.octets(self.file("att")), self.tpm.octets(self.file("sig"))

    def parameters(self):
        """`params` of a request for a certificate."""
        attestation, signature = self.certify_creation()
        return {"public": text(self.public), "createData": text(self.data), "createAttestation": text(attestation),
                "createSignature": text(signature)}


def text(octets):
    return base64.b64encode(octets).decode()
