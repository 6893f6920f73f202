#!/usr/bin/python3
"""Issue certificates from cairn-ca and from Pebble, in turn, in one sitting, and write a table.

usage: run_issue.py [--build DIR] [--rounds N] [--seconds S] [--clients N,N] [--only NAME] [--json FILE] [--markdown FILE]

Each server is pinned to one core, bench/issue (with its DNS stub and http-01 responder) to another. The server's is best the
one that the disk interrupts (/proc/interrupts); on another one each write costs an interrupt between cores besides. Every round
starts each server afresh, on ephemeral loopback ports and an empty store. A run in which others took more than
10 % of the server's core is done again, up to three times, and left out of the median if it stays so (unless none
was quieter). Only what was started here is ended.

CPU time is also given in P-256 verifications of the same core, measured by `openssl speed` in the same sitting, for an
idea of figures of unequal machines: a certificate has six of them, and what else it takes varies more (docs/benchmarks.md).
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import types

ROOT = pathlib.Path(__file__).resolve().parents[1]
NOISE_PERCENT = 10
TRIES = 3
NONCE_SECONDS = 4
WARMUP = {"cairn-ca": 30, "pebble": 2}  # seconds; cairn-ca's accounts get tables for their keys behind 500 requests each


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--warmup", type=int, help="seconds (cairn-ca 30, pebble 2)")
    parser.add_argument("--clients", default="1,16,64", help="numbers of concurrent subscribers")
    parser.add_argument("--server-core", type=int, default=1)
    parser.add_argument("--driver-core", type=int, default=0)
    parser.add_argument("--only", choices=["cairn-ca", "pebble"])
    parser.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE", help="more for cairn-ca")
    parser.add_argument("--directory", type=pathlib.Path, help="where cairn-ca's store lies (a temporary folder)")
    parser.add_argument("--json", type=pathlib.Path, help="write every run here")
    parser.add_argument("--markdown", type=pathlib.Path, help="write the table here as well")
    return parser.parse_args()


def driver(build, server, options, *words):
    """The command line of bench/issue against a server that runs; it plays the DNS, whose port the server has."""
    root = server.issuing_root() if hasattr(server, "issuing_root") else server.root
    return [str(build / "bench/issue"), "--directory", server.url, "--ca-file", str(server.root), "--issuing-root", str(root),
            "--http-port", str(server.http_port), "--dns-port", str(server.stub.port), "--pid", str(server.process.pid),
            "--pin", str(options.driver_core), "--core", str(options.server_core), "--json", *map(str, words)]


class Bench:
    def __init__(self, options):
        os.environ["CAIRN_BUILD"] = str(options.build.resolve())
        sys.path.insert(0, str(ROOT / "tests/flow"))
        import house
        import pebble
        self.house, self.pebble, self.options = house, pebble, options

    def start(self, name, directory, stub):
        """A server on its core. The driver plays the DNS, so `stub` is only the port."""
        os.sched_setaffinity(0, {self.options.server_core})
        if name == "cairn-ca":
            server = self.house.House(directory, stub=stub, sets=["log.level=warning", *self.options.set])
            return server.start()
        return self.pebble.Pebble(directory, stub=stub).start()

    def drive(self, name, server, *words):
        done = subprocess.run(driver(self.options.build, server, self.options, *words), stdout=subprocess.PIPE, text=True, check=False)
        if not done.stdout:
            sys.exit(f"bench/issue against {name} failed with exit code {done.returncode}")
        return json.loads(done.stdout)

    def once(self, name, *words):
        stub = types.SimpleNamespace(port=self.house.free_port(), stop=lambda: None)
        with tempfile.TemporaryDirectory(prefix="bench-", dir=self.options.directory) as directory:
            begun = time.monotonic()
            server = self.start(name, directory, stub)
            start_ms = round(1000 * (time.monotonic() - begun))
            try:
                result = self.drive(name, server, *words)
            finally:
                server.stop()
        return {"server": name, "start_ms": start_ms, **result}

    def quiet(self, name, *words):
        for _ in range(TRIES):
            result = self.once(name, *words)
            if result["core_others_percent"] <= NOISE_PERCENT:
                break
        print(line_of(result), file=sys.stderr, flush=True)
        return result


def verify_us(core):
    """Microseconds that OpenSSL takes to verify a P-256 signature on this core."""
    done = subprocess.run(["taskset", "-c", str(core), "openssl", "speed", "-mr", "-seconds", "1", "ecdsap256"],
                          capture_output=True, text=True, check=True)
    fields = next(line for line in done.stdout.splitlines() if line.startswith("+F4:")).split(":")
    return 1e6 * float(fields[-1]) if float(fields[-1]) < 1 else 1e6 / float(fields[-1])


def count_of(run):
    return run.get("certificates", run.get("nonces"))


def rate(run):
    return count_of(run) / run["elapsed_us"] * 1e6


def cpu_ms(run):
    return run["cpu_us"] / 1000 / max(count_of(run), 1)


def step(run, name):
    return next((s for s in run["steps"] if s["step"] == name), {"p50_us": 0, "p99_us": 0, "count": 0})


def errors(run):
    return sum(e["count"] for e in run["errors"])


def line_of(run):
    what = "certificates" if "certificates" in run else "nonces"
    text = (f"{run['server']:9} {run['clients']:3} clients: {rate(run):9.1f} {what}/s, {cpu_ms(run):6.3f} ms CPU each, "
            f"core {run['core_busy_percent']} % busy, {run['core_others_percent']} % with others, errors {errors(run)}")
    return text + "".join(f"\n    {e['count']} times {e['type']}: {e['last'][:200]}" for e in run["errors"])


def counted(runs):
    """The quiet runs, or the quietest if there is none."""
    quiet = [r for r in runs if r["core_others_percent"] <= NOISE_PERCENT]
    return quiet or [min(runs, key=lambda r: r["core_others_percent"])]


def median(runs, value):
    return statistics.median(value(r) for r in runs)


def table(rows):
    widths = [max(len(str(r[i])) for r in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(str(cell).ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def issuance_table(groups, verify):
    rows = [["server", "clients", "certs/s", "range", "CPU ms each", "in verifies", "flow p50 ms", "p99 ms", "requests each",
             "RSS MiB", "PSS MiB", "start ms", "core busy / others", "runs (quiet)", "errors"]]
    for (name, clients), runs in groups.items():
        good = counted(runs)
        rates = [rate(r) for r in good]
        rows.append([
            name, clients, f"{median(good, rate):.0f}", f"{min(rates):.0f}..{max(rates):.0f}",
            f"{median(good, cpu_ms):.2f}", f"{1000 * median(good, cpu_ms) / verify:.1f}", f"{median(good, lambda r: step(r, 'whole flow')['p50_us']) / 1000:.1f}",
            f"{median(good, lambda r: step(r, 'whole flow')['p99_us']) / 1000:.1f}",
            f"{median(good, lambda r: r['requests'] / max(count_of(r), 1)):.1f}",
            f"{median(good, lambda r: sum(p['rss_kib'] for p in r['processes'])) / 1024:.0f}",
            f"{median(good, lambda r: sum(p['pss_kib'] for p in r['processes'])) / 1024:.0f}",
            f"{median(good, lambda r: r['start_ms']):.0f}",
            f"{median(good, lambda r: r['core_busy_percent']):.0f} % / {median(good, lambda r: r['core_others_percent']):.0f} %",
            f"{len(runs)} ({sum(r['core_others_percent'] <= NOISE_PERCENT for r in runs)})", sum(map(errors, runs))])
    return table(rows)


def step_table(groups):
    names = []
    for runs in groups.values():
        names += [s["step"] for r in runs for s in r["steps"] if s["step"] not in names]
    rows = [["p50 / p99 ms", *(f"{name}, {clients}" for name, clients in groups)]]
    for name in dict.fromkeys(names):
        cells = []
        for runs in groups.values():
            good = [step(r, name) for r in counted(runs) if step(r, name)["count"]]
            cells.append(f"{statistics.median(s['p50_us'] for s in good) / 1000:.2f} / "
                         f"{statistics.median(s['p99_us'] for s in good) / 1000:.2f}" if good else "-")
        rows.append([name, *cells])
    return table(rows)


def process_table(groups):
    rows = [["server", "clients", "CPU ms for a certificate, by process"]]
    for (name, clients), runs in groups.items():
        good = counted(runs)
        parts = [f"{p['name']} {median(good, lambda r, i=i: r['processes'][i]['cpu_us'] / 1000 / max(count_of(r), 1)):.3f}"
                 for i, p in enumerate(good[0]["processes"])]
        rows.append([name, clients, ", ".join(parts)])
    return table(rows)


def nonce_table(groups):
    rows = [["server", "clients", "nonces/s", "CPU us each", "p50 ms", "p99 ms"]]
    for (name, clients), runs in groups.items():
        good = counted(runs)
        rows.append([name, clients, f"{median(good, rate):.0f}", f"{1000 * median(good, cpu_ms):.1f}",
                     f"{median(good, lambda r: step(r, 'newNonce')['p50_us']) / 1000:.2f}",
                     f"{median(good, lambda r: step(r, 'newNonce')['p99_us']) / 1000:.2f}"])
    return table(rows)


def machine(verify):
    cpu = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), "unknown CPU")
    commit = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True,
                            check=False).stdout.strip()
    return (f"{cpu}, {os.cpu_count()} cores, Linux {platform.release().split('-')[0]}; a P-256 verification takes {verify:.1f} us; "
            f"commit {commit}; {time.strftime('%d %B %Y', time.gmtime())}")


def main():
    options = arguments()
    bench = Bench(options)
    servers = [options.only] if options.only else ["cairn-ca", "pebble"]
    if "pebble" in servers and shutil.which("pebble") is None:
        sys.exit("pebble is not installed: apt-get install pebble, or --only cairn-ca")
    clients = [int(n) for n in options.clients.split(",")]
    groups = {(name, n): [] for n in clients for name in servers}
    nonces = {(name, max(clients)): [] for name in servers}
    speeds = []
    for _ in range(options.rounds):
        speeds.append(verify_us(options.server_core))
        for name, n in groups:
            groups[name, n].append(
                bench.quiet(name, "--clients", n, "--seconds", options.seconds, "--warmup", WARMUP[name] if options.warmup is None else options.warmup))
        for name, n in nonces:
            nonces[name, n].append(bench.quiet(name, "--clients", n, "--seconds", NONCE_SECONDS, "--only-nonces"))
    verify = statistics.median(speeds)
    text = "\n\n".join([machine(verify), issuance_table(groups, verify), step_table(groups), process_table(groups), nonce_table(nonces)]) + "\n"
    print(text)
    if options.markdown:
        options.markdown.write_text(text)
    if options.json:
        options.json.write_text(json.dumps([r for runs in [*groups.values(), *nonces.values()] for r in runs], indent=1) + "\n")


if __name__ == "__main__":
    main()
