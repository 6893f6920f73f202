#!/usr/bin/python3
"""Compare what a certificate costs two builds of cairn-ca, both on one core at the same time.

usage: compare_issue.py BEFORE AFTER [--rounds N] [--clients N] [--seconds S] [--warmup S]

Each build's server has its own subscribers (bench/issue of AFTER) on the other core. Neighbours of a virtual machine change
the cost by a fifth within minutes: runs in turn differ by that, the ratio of runs at the same time by 0.02. The rates mean
nothing, since the two share a core. Prints the CPU time of all processes for a certificate, and the ratio AFTER / BEFORE.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import types

import run_issue


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("before", type=pathlib.Path, help="a build directory")
    parser.add_argument("after", type=pathlib.Path, help="another one")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=32, help="subscribers of each")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--warmup", type=int, default=30, help="seconds")
    parser.add_argument("--server-core", type=int, default=1)
    parser.add_argument("--driver-core", type=int, default=0)
    options = parser.parse_args()
    for program in (options.before / "cairn-ca", options.after / "cairn-ca", options.after / "bench/issue"):
        if not program.exists():
            parser.error(f"there is no {program}; ninja -C makes it")
    return options


class Comparison:
    def __init__(self, options):
        sys.path.insert(0, str(run_issue.ROOT / "tests/flow"))
        import house
        self.house, self.options = house, options

    def house_of(self, build, directory):
        self.house.CAIRN_CA = build.resolve() / "cairn-ca"
        stub = types.SimpleNamespace(port=self.house.free_port(), stop=lambda: None)
        os.sched_setaffinity(0, {self.options.server_core})
        return self.house.House(directory, stub=stub, sets=["log.level=warning"])

    def drive(self, server):
        o = self.options
        os.sched_setaffinity(0, {o.driver_core})
        words = run_issue.driver(o.after, server, o, "--clients", o.clients, "--seconds", o.seconds, "--warmup", o.warmup)
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)

    def once(self):
        """The results of both, one at the side of the other."""
        with tempfile.TemporaryDirectory(prefix="bench-") as first, tempfile.TemporaryDirectory(prefix="bench-") as second:
            servers, drivers = [], []
            try:
                for build, directory in ((self.options.before, first), (self.options.after, second)):
                    servers.append(self.house_of(build, directory))
                    servers[-1].start()
                drivers += [self.drive(server) for server in servers]
                texts = [driver.communicate()[0] for driver in drivers]
            finally:
                for driver in drivers:
                    driver.kill()
                for server in servers:
                    server.stop()
        if any(driver.returncode != 0 for driver in drivers):
            sys.exit("bench/issue failed")
        return [json.loads(text) for text in texts]


def cost(run):
    return 1000 * run_issue.cpu_ms(run)


def parts(run):
    return {p["name"]: p["cpu_us"] / run["certificates"] for p in run["processes"]}


def main():
    options = arguments()
    comparison = Comparison(options)
    ratios = []
    for _ in range(options.rounds):
        before, after = comparison.once()
        ratios.append(cost(after) / cost(before))
        each = ", ".join(f"{name} {parts(before).get(name, 0):.0f} -> {us:.0f}" for name, us in parts(after).items() if us >= 1)
        print(f"{cost(before):7.0f} -> {cost(after):5.0f} us, ratio {ratios[-1]:.3f}  ({each})", flush=True)
    print(f"ratio {statistics.median(ratios):.3f} (median of {len(ratios)}, {min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
