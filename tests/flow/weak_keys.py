"""RSA keys that anybody can take apart, made as the faulty programs made them."""
import functools
import math
import random
import subprocess

from cryptography.hazmat.primitives.asymmetric import rsa

HALF = 1024  # bits of each prime


def is_prime(number):
    """Good enough for numbers that nobody chose to deceive."""
    return all(pow(base, number - 1, number) == 1 for base in (2, 3, 5))


def random_prime(bits):
    done = subprocess.run(["openssl", "prime", "-generate", "-bits", str(bits)], capture_output=True, text=True, check=True)
    return int(done.stdout)


def next_prime(number):
    number |= 1
    while any(number % p == 0 for p in SMALL) or not is_prime(number):
        number += 2
    return number


SMALL = [p for p in range(3, 752, 2) if all(p % d for d in range(3, p, 2))]


def high_prime():
    """With both highest bits set, so that products have all their bits (openssl does so)."""
    return random_prime(HALF)


def close(rounds):
    """Two primes that Fermat's method finds in so many rounds, or a few more or less."""
    first = high_prime()
    return first, next_prime(first + 2 + math.isqrt(8 * rounds * first))


def small_factor(prime):
    return prime, random_prime(2 * HALF - prime.bit_length())


@functools.cache
def roca_modulus():
    """M of the keys of 1984 to 3936 bits: the product of the first 126 primes (Nemec et al., CCS 2017)."""
    return math.prod([2, *SMALL][:126])


def roca_prime():
    m = roca_modulus()
    while True:
        low = (3 << (HALF - 2)) // m + 1
        number = random.randrange(low, (1 << HALF) // m) * m + pow(65537, random.getrandbits(64), m)
        if is_prime(number):
            return number


def roca():
    return roca_prime(), roca_prime()


def key_of(primes):
    """A private key by python3-cryptography, which finds no fault with it."""
    p, q = primes
    d = pow(65537, -1, math.lcm(p - 1, q - 1))
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p),
                                 rsa.RSAPublicNumbers(65537, p * q)).private_key()
