"""Whoever reads the log may go away: the CA goes on."""
import os
import signal
import subprocess
import time

import acme_raw
import house as house_module


def test_the_reader_of_the_log_goes_away(tmp_path):
    """`cairn-ca serve 2>&1 | head -1` must not end the CA with its next line."""
    made = house_module.House(tmp_path / "ca", sets=["log.level=debug"])
    serve = None
    try:
        serve = subprocess.Popen(made.arguments(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        made.process = serve
        for line in serve.stderr:
            if line.startswith(b"ready "):
                url = line.split()[1].decode()
                break
        serve.stderr.close()
        children = made.children()
        assert set(children) == {"front", "validator", "signer"}
        client = acme_raw.Client(url, made.root)
        assert client.register().status == 201
        client.order("a.flow.test")
        time.sleep(0.5)
        assert made.children() == children, "a process was lost"
        serve.send_signal(signal.SIGTERM)
        assert serve.wait(40) == 0
    finally:
        if serve is not None and serve.poll() is None:
            serve.kill()
            serve.wait()
        made.close()


def test_the_reader_was_never_there(tmp_path):
    """Descriptors 0, 1 and 2 may be closed: nothing the CA opens may land there and be written to as a log."""
    made = house_module.House(tmp_path / "ca")
    command = subprocess.list2cmdline(made.arguments())
    serve = subprocess.Popen(["/bin/sh", "-c", f"exec {command} 0<&- 1>&- 2>&-"])
    made.process = serve
    try:
        client = None
        deadline = time.monotonic() + house_module.START_SECONDS
        while client is None and time.monotonic() < deadline and serve.poll() is None:
            try:
                client = acme_raw.Client(f"https://localhost:{made.port}/acme/directory", made.root)
            except OSError:
                time.sleep(0.05)
        assert client is not None and client.register().status == 201
        client.order("a.flow.test")
        for name in ("cairn.db", "intermediate.pem", "root.pem", "cairn-ca.yaml"):
            assert b"level=" not in (made.directory / name).read_bytes()[:200]
        os.kill(serve.pid, signal.SIGTERM)
        assert serve.wait(40) == 0
    finally:
        if serve.poll() is None:
            serve.kill()
            serve.wait()
        made.close()
