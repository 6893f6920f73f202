"""Programs we did not write judge our certificates: openssl, certtool (GnuTLS), python3-cryptography."""
import pathlib
import re
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID


def output(arguments, **more):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, check=False, timeout=30, **more)
    assert done.returncode == 0, f"{arguments}\n{done.stdout}{done.stderr}"
    return done.stdout


def certificates(pem):
    """All certificates of a PEM text."""
    blocks = re.findall(b"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", pem, re.DOTALL)
    return [x509.load_pem_x509_certificate(block) for block in blocks]


def verify(key, certificate):
    """Its signature, by python3-cryptography."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        more = [ec.ECDSA(certificate.signature_hash_algorithm)]
    elif isinstance(key, rsa.RSAPublicKey):
        more = [padding.PKCS1v15(), certificate.signature_hash_algorithm]
    else:
        more = []
    key.verify(certificate.signature, certificate.tbs_certificate_bytes, *more)


def judge(certificate, chain, root, names):
    """The first certificate in one file, the issuers in another (perhaps the same), for exactly these names."""
    text = pathlib.Path(certificate).read_bytes()
    leaf = x509.load_pem_x509_certificate(text)
    issuers = certificates(pathlib.Path(chain).read_bytes())
    top = x509.load_pem_x509_certificate(pathlib.Path(root).read_bytes())

    for name in names:
        output(["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", name, "-CAfile", root,
                "-untrusted", chain, certificate])
    together = "".join(c.public_bytes(Encoding.PEM).decode() for c in [leaf, *[i for i in issuers if i != leaf]])
    output(["certtool", "--verify-chain"], input=together + pathlib.Path(root).read_text())
    output(["certtool", "--verify", "--load-ca-certificate", root, "--verify-hostname", names[0]], input=together)

    found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sorted(found.get_values_for_type(x509.DNSName)) == sorted(names)
    assert ExtendedKeyUsageOID.SERVER_AUTH in leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert leaf.serial_number > 0 and leaf.serial_number.bit_length() <= 159
    issuer = next(i for i in issuers if i.subject == leaf.issuer)
    verify(issuer.public_key(), leaf)
    assert all(i != top for i in issuers), "the chain must not hold the root"
    return leaf

