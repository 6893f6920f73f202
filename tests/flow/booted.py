"""A systemd that was booted for a test: PID 1 of a namespace whose root is this machine's, with a layer in memory that takes
what is written. The network is that of the machine, so CAs and servers of the tests are at 127.0.0.1 for both."""
import contextlib
import os
import pathlib
import shutil
import subprocess
import time

PATIENCE = 60  # seconds
SYSTEMD = "/lib/systemd/systemd"

# What it is told at boot: journal and units, and nothing that changes the machine.
SCRIPT = r"""
set -e
base=$1; shift
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$base"
mkdir "$base/up" "$base/work" "$base/root" "$base/cgroup"
mount -t cgroup2 cgroup2 "$base/cgroup"
mkdir -p "$base/cgroup/$CGROUP"
echo $$ > "$base/cgroup/$CGROUP/cgroup.procs"
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/up,workdir=$base/work" "$base/root"
for folder in "$@"; do
    mkdir -p "$base/root/$folder"
    mount --bind "$folder" "$base/root/$folder"
done
cd "$base/root"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs dev
for node in null zero full random urandom tty; do touch dev/$node; mount --bind /dev/$node dev/$node; done
ln -s /proc/self/fd dev/fd
mkdir dev/shm dev/pts
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
for wants in sysinit sockets local-fs timers basic; do
    [ ! -d lib/systemd/system/$wants.target.wants ] || mount -t tmpfs tmpfs lib/systemd/system/$wants.target.wants
done
rm -rf etc/systemd/system var/lib/systemd/timers
mkdir -p etc/systemd/system/sysinit.target.wants
ln -s /lib/systemd/system/basic.target etc/systemd/system/default.target
ln -s /lib/systemd/system/systemd-journald.service etc/systemd/system/sysinit.target.wants/
for unit in tmp.mount dev-hugepages.mount dev-mqueue.mount systemd-remount-fs.service; do
    ln -s /dev/null etc/systemd/system/$unit
done
mkdir -p .before
exec unshare --cgroup sh -ec 'mount -t cgroup2 cgroup2 sys/fs/cgroup; pivot_root . .before; umount -l /.before
    mount --make-rshared / # as credentials need it, and systemd in a container leaves it
    exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=journal --show-status=no'
"""


class CannotBoot(Exception):
    """Why not."""


class Booted:
    """`folder` is empty and for this; `shared` folders are the same inside, all others are copies."""

    def __init__(self, folder, shared=()):
        if os.geteuid() != 0 or not os.path.exists(SYSTEMD) or shutil.which("systemctl") is None:
            raise CannotBoot("it takes root, and systemd installed")
        self.cgroup = f"cairn-test-{os.getpid()}-{time.monotonic_ns()}"
        self.log = pathlib.Path(folder) / "boot.log"
        self.base = pathlib.Path(folder) / "base"
        self.base.mkdir()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "sh", "-c", SCRIPT, "boot", str(self.base),
                 *map(str, shared)], stdout=log, stderr=log, stdin=subprocess.DEVNULL, env={**os.environ, "CGROUP": self.cgroup})
        self.init = None
        try:
            self.wait_for_boot()
        except BaseException:
            self.end()
            raise

    def wait_for_boot(self):
        end = time.monotonic() + PATIENCE
        while True:
            if self.process.poll() is not None:
                raise CannotBoot(self.log.read_text(errors="replace").strip().splitlines()[-1:] or "the namespaces")
            with contextlib.suppress(OSError, IndexError):
                children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
                if os.readlink(f"/proc/{children[0]}/exe").endswith("/systemd"):
                    self.init = int(children[0])
                    if self.run("systemctl", "is-system-running", code=None).stdout.strip() == "running":
                        return
            assert time.monotonic() < end, self.log.read_text(errors="replace")
            time.sleep(0.1)

    def run(self, *words, code=0, **more):
        """A program inside; the exit code must be `code`, None for any."""
        done = subprocess.run(["nsenter", "-t", str(self.init), "--mount", "--pid", "--ipc", "--uts", "--cgroup", *map(str, words)], capture_output=True,
                              text=True, timeout=PATIENCE, check=False, **more)
        assert code is None or done.returncode == code, \
            f"{words}: exit {done.returncode}\n{done.stdout}\n{done.stderr}\n{self.journal() if words[0] == 'systemctl' else ''}"
        return done

    def systemctl(self, *words, **more):
        return self.run("systemctl", *words, **more)

    def show(self, unit, name):
        return self.systemctl("show", "--property", name, "--value", unit).stdout.strip()

    def journal(self, unit=None):
        return self.run("journalctl", "--no-pager", "--output=cat", *(["-u", unit] if unit else []), code=None).stdout

    def wait(self, question, about=None):
        end = time.monotonic() + PATIENCE
        while not question():
            assert time.monotonic() < end, self.journal(about)[-6000:]
            time.sleep(0.1)

    def path(self, inside):
        """Where a file of the inside is from the outside."""
        return pathlib.Path(f"/proc/{self.init}/root{inside}")

    def write(self, inside, text, mode=0o644):
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def unit(self, name, text):
        """A unit, or a drop-in such as "x.service.d/y.conf"; what is inside knows it at once."""
        self.write(f"/etc/systemd/system/{name}", text)
        self.systemctl("daemon-reload")

    def end(self):
        if self.init is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.init, 9)
        self.process.kill()
        self.process.wait()
        for line in pathlib.Path("/proc/mounts").read_text().splitlines():
            place, kind = line.split()[1:3]
            if kind == "cgroup2":
                self.remove_cgroups(pathlib.Path(place) / self.cgroup)

    @staticmethod
    def remove_cgroups(top):
        end = time.monotonic() + 5
        for folder, _, _ in os.walk(top, topdown=False):
            while os.path.exists(folder) and time.monotonic() < end:
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
                    break
                time.sleep(0.05)
