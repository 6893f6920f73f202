#!/usr/bin/python3
"""CPU time of a signature by the signer's own code, by type of the issuing key: in a file, and in a token of SoftHSM.

usage: run_signature.py [--build DIR] [--seconds S]

bench/signature writes certificates, then has the signer's code lint, note, sign and read them again; the journal is
/dev/null, everything else is as in the signer. "key alone" is the signature without all that. The CPU time is that of
all threads (getrusage). Keys and their certificates are made by openssl and OpenSC's pkcs11-tool in a temporary folder.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "271828"
TYPES = {  # how openssl and pkcs11-tool call them
    "RSA 2048": (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "RSA:2048"),
    "RSA 3072": (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"], "RSA:3072"),
    "RSA 4096": (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"], "RSA:4096"),
    "P-256": (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "EC:prime256v1"),
    "P-384": (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"], "EC:secp384r1"),
    "Ed25519": (["-algorithm", "ED25519"], "EC:edwards25519"),
    **{name: (["-algorithm", name], None) for name in ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87")},  # from OpenSSL 3.5 on; in no token
}
EXTENSIONS = """basicConstraints=critical,CA:TRUE,pathlen:0
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
"""


def run(*arguments):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{arguments[0]}: {done.stderr}")
    return done.stdout


class Bench:
    def __init__(self, build, seconds, folder):
        self.program = build / "bench/signature"
        self.seconds = seconds
        self.folder = folder
        (folder / "extensions").write_text(EXTENSIONS)
        (folder / "pin").write_text(PIN)
        (folder / "tokens").mkdir()
        (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
        os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
        run("softhsm2-util", "--init-token", "--free", "--label", "bench", "--so-pin", "314159", "--pin", PIN)
        run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", folder / "root.key")
        run("openssl", "req", "-x509", "-new", "-key", folder / "root.key", "-subj", "/CN=Root", "-days", "900",
            "-out", folder / "root.pem")
        run("openssl", "req", "-new", "-key", folder / "root.key", "-subj", "/CN=Issuer", "-out", folder / "csr")

    def certify(self, public, certificate):
        run("openssl", "x509", "-req", "-in", self.folder / "csr", "-force_pubkey", public, "-CA", self.folder / "root.pem",
            "-CAkey", self.folder / "root.key", "-set_serial", "7", "-days", "800", "-extfile", self.folder / "extensions",
            "-out", certificate)

    def in_file(self, words):
        key, public, certificate = (self.folder / name for name in ("key", "public", "certificate"))
        run("openssl", "genpkey", *words, "-out", key)
        run("openssl", "pkey", "-in", key, "-pubout", "-out", public)
        self.certify(public, certificate)
        return [float(word) for word in run(self.program, certificate, key, self.seconds).split()]

    def in_token(self, number, word):
        tool = ["pkcs11-tool", "--module", MODULE, "--token-label", "bench", "--login", "--pin", PIN]
        public, certificate = (self.folder / name for name in ("public", "certificate"))
        run(*tool, "--keypairgen", "--key-type", word, "--id", f"{number:02x}")
        public.write_text(run("p11tool", f"--provider={MODULE}", "--login", f"--set-pin={PIN}", "--export-pubkey",
                              f"pkcs11:token=bench;id=%{number:02x}"))
        self.certify(public, certificate)
        return [float(word) for word in run(self.program, certificate, f"pkcs11:token=bench;id=%{number:02x}", self.seconds, MODULE,
                                            self.folder / "pin").split()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--seconds", type=float, default=3)
    given = parser.parse_args()
    print("| issuing key | file: certificate, us | key alone, us | SoftHSM: certificate, us | key alone, us | SoftHSM / file | to P-256, file |")
    print("|-------------|-----------------------|---------------|--------------------------|---------------|----------------|----------------|")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(given.build, given.seconds, pathlib.Path(folder))
        there = run("openssl", "list", "-signature-algorithms")
        for number, (name, (words, word)) in enumerate(TYPES.items(), 1):
            if not name.startswith("ML-DSA") or name in there:
                rows.append((name, *bench.in_file(words), *(bench.in_token(number, word) if word else (None, None))))
    unit = next(row[1] for row in rows if row[0] == "P-256")
    for name, whole, alone, token_whole, token_alone in rows:
        token = (f"| {token_whole:24.0f} | {token_alone:13.0f} | {token_whole / whole:14.2f} " if token_whole else
                 f"| {'-':>24} | {'-':>13} | {'-':>14} ")
        print(f"| {name:11} | {whole:21.0f} | {alone:13.0f} {token}| {whole / unit:14.2f} |")


if __name__ == "__main__":
    main()
