#!/usr/bin/python3
"""Open many TLS connections to cairn-ca, leave them idle, and say what they cost.

usage: run_idle.py [--build DIR] [--connections N] [--seconds S] [--alpn h2|http/1.1] [--without-request]

Each connection makes a full handshake and, unless told otherwise, one request; then nothing. Resident memory is the
front's (RSS of /proc/PID/status), CPU time that of its threads while nothing happens for some seconds. At the end all
connections are closed and the memory is read again. Everything is on loopback; only what was started here is ended.
"""
import argparse
import json
import os
import pathlib
import resource
import socket
import ssl
import sys
import tempfile
import time
import types

ROOT = pathlib.Path(__file__).resolve().parents[1]
OTHERS = 500  # descriptors of this program beside its connections
REQUEST = b"HEAD /acme/new-nonce HTTP/1.1\r\nHost: localhost\r\n\r\n"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--connections", type=int, default=5000)
    parser.add_argument("--seconds", type=int, default=10, help="how long the CPU time of idleness is watched")
    parser.add_argument("--alpn", choices=["h2", "http/1.1"], default="http/1.1")
    parser.add_argument("--without-request", action="store_true", help="only the handshake")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def memory_kib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError("no VmRSS")


def cpu_ms(pid):
    words = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return 1000 * (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def connect(tls, port, request):
    made = tls.wrap_socket(socket.create_connection(("127.0.0.1", port), 30), server_hostname="localhost")
    if request:
        made.sendall(REQUEST)
        answer = b""
        while b"\r\n\r\n" not in answer:
            more = made.recv(4096)
            assert more, "the connection was closed"
            answer += more
        assert answer.startswith(b"HTTP/1.1 200 "), answer
    return made


def settle(pid):
    """Memory, when it has stopped moving."""
    before = -1
    while (now := memory_kib(pid)) != before:
        before = now
        time.sleep(1)
    return now


def run(options, house):
    front = house.children()["front"]
    tls = ssl.create_default_context(cafile=str(house.root))
    tls.set_alpn_protocols([options.alpn])
    request = options.alpn == "http/1.1" and not options.without_request
    for _ in range(50):  # what is made once for all is there already
        connect(tls, house.port, request).close()
    result = {"connections": options.connections, "alpn": options.alpn, "request": request,
              "before_kib": settle(front)}
    begun = cpu_ms(front)
    idle = [connect(tls, house.port, request) for _ in range(options.connections)]
    result["open_cpu_us_each"] = round(1000 * (cpu_ms(front) - begun) / options.connections)
    result["open_kib"] = settle(front)
    result["each_kib"] = round((result["open_kib"] - result["before_kib"]) / options.connections, 2)
    begun = cpu_ms(front)
    time.sleep(options.seconds)
    result["idle_cpu_ms_per_second"] = round((cpu_ms(front) - begun) / options.seconds, 2)
    descriptors = len(os.listdir(f"/proc/{front}/fd"))
    assert descriptors > options.connections, f"only {descriptors} descriptors are open: connections were closed"
    connect(tls, house.port, request).close()
    for one in idle:
        one.close()
    result["after_kib"] = settle(front)
    result["descriptors_after"] = len(os.listdir(f"/proc/{front}/fd"))
    return result


def main():
    options = arguments()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < options.connections + OTHERS:
        sys.exit(f"this program may have {hard} open files, too few for {options.connections} connections")
    os.environ["CAIRN_BUILD"] = str(options.build.resolve())
    sys.path.insert(0, str(ROOT / "tests/flow"))
    import house as house_module
    stub = types.SimpleNamespace(port=house_module.free_port(), stop=lambda: None)
    with tempfile.TemporaryDirectory(prefix="idle-") as directory:
        house = house_module.House(pathlib.Path(directory) / "ca", stub=stub, sets=[
            f"limits.connections={options.connections + 100}", "limits.idle=10m", "log.level=warning",
            f"limits.connections_per_address={options.connections + 100}"])
        try:
            house.start()  # with the limit it was given: it raises that by itself
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, options.connections + OTHERS), hard))
            result = run(options, house)
            house.stop()
        finally:
            house.close()
    if options.json:
        print(json.dumps(result))
        return
    print(f"{result['connections']} idle connections, {result['alpn']}"
          f"{', after a request each' if result['request'] else ''}\n"
          f"front RSS before    {result['before_kib']} KiB\n"
          f"front RSS open      {result['open_kib']} KiB: {result['each_kib']} KiB a connection\n"
          f"front RSS closed    {result['after_kib']} KiB, {result['descriptors_after']} descriptors\n"
          f"CPU to open         {result['open_cpu_us_each']} us a connection\n"
          f"CPU while idle      {result['idle_cpu_ms_per_second']} ms a second")


if __name__ == "__main__":
    main()
