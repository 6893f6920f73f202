"""cairn-ca started without standard streams: no file of its own may end up where the log is written to."""
import os
import signal
import subprocess
import time

import acme_raw
import house as house_module
from house import CAIRN_CA


def reachable(house, seconds=house_module.START_SECONDS):
    deadline = time.monotonic() + seconds
    while True:
        try:
            return acme_raw.Client(f"https://localhost:{house.port}/acme/directory", house.root)
        except OSError:
            assert house.process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)


def test_nothing_is_written_into_our_files(tmp_path):
    house = house_module.House(tmp_path / "ca", sets=["log.level=debug"])
    try:
        house.process = subprocess.Popen(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *house.arguments()])
        client = reachable(house)
        client.register()  # a request is a line of the log
        for pid in [house.process.pid, *house.children().values()]:
            for number in (0, 1, 2):
                assert os.readlink(f"/proc/{pid}/fd/{number}") == "/dev/null", pid
        house.process.send_signal(signal.SIGTERM)
        assert house.process.wait(40) == 0
        assert house.rows()["account"] == 1
    finally:
        house.close()


def test_init(tmp_path):
    """What it says is lost, so it fails; what it made is whole."""
    done = subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", str(CAIRN_CA), "init", "--dir", str(tmp_path / "ca")],
                          timeout=60, check=False)
    assert done.returncode in (0, 1)
    subprocess.run(["openssl", "verify", "-CAfile", tmp_path / "ca/root.pem", tmp_path / "ca/intermediate.pem"], check=True,
                   capture_output=True)
    assert subprocess.run([str(CAIRN_CA), "check-config", "--dir", str(tmp_path / "ca")], check=False,
                          capture_output=True).returncode == 0
