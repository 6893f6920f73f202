"""Exit codes of cairn, as cairn(1) lists them."""


class Codes(frozenset):
    """One of several: equal to each of them."""

    def __eq__(self, other):
        return other in self if isinstance(other, int) else frozenset.__eq__(self, other)

    __hash__ = frozenset.__hash__


HERE = 1  # a failure on this machine
UNCHANGED = 2
NETWORK = 3
REFUSED = 4
VALIDATION = 5
RATE_LIMIT = 6
DEPLOY = 7
USAGE = 64
LOCKED = 75
DONE = Codes([0, UNCHANGED])  # whether anything had to be done or not
FAILED = Codes([1, REFUSED, VALIDATION])  # it will not work the same way
LATER = Codes([NETWORK, RATE_LIMIT, LOCKED])  # it may work later
