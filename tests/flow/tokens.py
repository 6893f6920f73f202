"""Tokens of SoftHSM for whole-program tests: filled by OpenSC's pkcs11-tool, certified by GnuTLS' certtool."""
import os
import pathlib
import shutil
import subprocess
import tempfile

import sanitizer
from house import BUILD, House

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
ILL_MODULE = BUILD / "tests/lib/libill_token.so"  # hands on to SoftHSM, and falls ill as a file says
PIN = "271828"
SIGNER_UID = 64303  # of a signer started by root
KINDS = {"p256": "EC:prime256v1", "p384": "EC:secp384r1", "rsa2048": "RSA:2048", "rsa3072": "RSA:3072", "rsa4096": "RSA:4096",
         "ed25519": "EC:edwards25519"}


class Tokens:
    """A folder with tokens that the signer may come to."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tokens-"))
        self.folder.chmod(0o711)  # the signer has another user
        self.store = self.folder / "tokens"
        self.store.mkdir()
        self.store.chmod(0o755)
        self.configuration = self.folder / "softhsm2.conf"
        self.configuration.write_text(f"directories.tokendir = {self.store}\nlog.level = ERROR\n")
        self.ill = self.folder / "ill/words"
        self.ill.parent.mkdir()
        self.ill.parent.chmod(0o755)
        self.environment = {"SOFTHSM2_CONF": str(self.configuration), "ILL_TOKEN_MODULE": MODULE,
                            "ILL_TOKEN_FILE": str(self.ill), "GNUTLS_PIN": PIN}
        # SoftHSM does not free all points of Edwards keys, and only whole stacks, which take much time, would tell whose a leak is
        self.environment[sanitizer.NEVER] = "1"
        self.parked = self.folder / "parked"
        self.fall_ill("none")

    def close(self):
        shutil.rmtree(self.folder)

    def run(self, *arguments):
        return subprocess.run([str(a) for a in arguments], check=True, capture_output=True, text=True,
                              env={**os.environ, **self.environment}).stdout

    def give_to_signer(self):
        if os.geteuid() == 0:
            for path in (self.store, *self.store.rglob("*")):
                os.chown(path, SIGNER_UID, SIGNER_UID)

    def add(self, label, pin=PIN):
        self.run("softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "314159", "--pin", pin)

    def add_key(self, token, label, kind):
        self.run("pkcs11-tool", "--module", MODULE, "--token-label", token, "--login", "--pin", PIN, "--keypairgen",
                 "--key-type", KINDS[kind], "--id", label.encode().hex(), "--label", label)

    def folder_of(self, label):
        return next(path.parent for path in self.store.glob("*/token.object") if label.encode() in path.read_bytes())

    def remove(self, label):
        """As if it was pulled out."""
        self.parked.mkdir(exist_ok=True)
        self.folder_of(label).rename(self.parked / label)

    def put_back(self, label):
        (self.parked / label).rename(self.store / label)

    def fall_ill(self, words):
        fresh = self.ill.with_suffix(".new")
        fresh.write_text(words)
        fresh.chmod(0o644)
        fresh.rename(self.ill)

    def certify(self, token, label, path, *, issuer=None, name="Test CA"):
        """A certificate of a key by itself, or by the key of a root (token, label, certificate)."""
        template = self.folder / "template"
        template.write_text(f'cn = "{name}"\nca\ncert_signing_key\ncrl_signing_key\nexpiration_days = 900\n'
                            + ("path_len = 0\n" if issuer else ""))
        key = [f"--load-{half}key=pkcs11:token={token};object={label};type={kind}"
               for half, kind in (("priv", "private"), ("pub", "public"))]
        if issuer is None:
            how = ["--generate-self-signed"]
        else:
            how = ["--generate-certificate", f"--load-ca-privkey=pkcs11:token={issuer[0]};object={issuer[1]};type=private",
                   f"--load-ca-certificate={issuer[2]}"]
        self.run("certtool", f"--provider={MODULE}", *how, *key, f"--template={template}", f"--outfile={path}")

    def sets(self, house, module=MODULE):
        """What the CA must know of them."""
        pin = house.directory / "pin"
        pin.write_text(PIN + "\n")
        pin.chmod(0o600)
        return [f"pkcs11.modules={module}", "pkcs11.pin=pin", f"pkcs11.read={self.configuration},{self.ill.parent}",
                f"pkcs11.write={self.store}"]


def make_house(folder, tokens, root_kind="p384", kind="p256", *, module=MODULE, token="house"):
    """A CA whose root and issuing key are in a token; none of them is in a file."""
    house = House(folder)
    tokens.add(token)
    tokens.add_key(token, "root", root_kind)
    tokens.add_key(token, "issuer", kind)
    for name in ("root.key", "intermediate.key", "root.pem", "intermediate.pem"):
        (house.directory / name).unlink()
    tokens.certify(token, "root", house.directory / "root.pem", name="Token Root")
    tokens.certify(token, "issuer", house.directory / "intermediate.pem", name="Token Issuer",
                   issuer=(token, "root", house.directory / "root.pem"))
    tokens.give_to_signer()
    house.sets += [*tokens.sets(house, module), f"files.intermediate_key=pkcs11:token={token};object=issuer"]
    os.environ.update(tokens.environment)
    return house
