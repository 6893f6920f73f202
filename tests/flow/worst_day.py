"""tests/lib/worst_day.c told what to do: disks that fail, kills at a chosen step, clocks that are wrong."""
import mmap
import struct

from house import BUILD

SHIM = BUILD / "tests/lib/libworst_day.so"
NAMES, NAME_SIZE, HEAD = 2048, 16, 5 * 8
COUNT, AT, REASON, LASTING, CLOCK = range(5)


class WorstDay:
    def __init__(self, path):
        assert SHIM.exists(), "build tests/lib/libworst_day.so first"
        size = HEAD + NAME_SIZE * (NAMES + 1)
        path.write_bytes(bytes(size))
        path.chmod(0o666)
        self.environment = {"LD_PRELOAD": str(SHIM), "WORST_DAY": str(path),
                            "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), size)

    def put(self, field, value):
        struct.pack_into("<q", self.map, 8 * field, value)

    def get(self, field):
        return struct.unpack_from("<q", self.map, 8 * field)[0]

    def watch(self, role):
        """Count the changes of this role from now on; nothing fails."""
        self.put(AT, 0)
        struct.pack_into(f"{NAME_SIZE}s", self.map, HEAD, role.encode())
        self.put(COUNT, 0)

    def arm(self, role, at, reason=0, lasting=False):
        """The `at`-th change from now on fails with this errno, or kills the process."""
        self.watch(role)
        self.put(REASON, reason)
        self.put(LASTING, int(lasting))
        self.put(AT, at)

    def disarm(self):
        self.put(AT, 0)

    @property
    def count(self):
        return self.get(COUNT)

    def names(self):
        first = HEAD + NAME_SIZE
        return [self.map[first + i * NAME_SIZE:first + (i + 1) * NAME_SIZE].split(b"\0")[0].decode()
                for i in range(min(self.count, NAMES))]

    def shift_clock(self, seconds):
        self.put(CLOCK, int(seconds * 1000))
