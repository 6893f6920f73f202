#!/usr/bin/python3
"""Get certificates with cairn and with the clients people use today, from one Pebble, in one sitting, and write a table.

usage: run_client.py [--build DIR] [--rounds N] [--only CLIENT,...] [--idle N] [--json FILE] [--markdown FILE]

Every client answers http-01 in the same web root, which a small server of this program shows, with Pebble's sleeps switched
off; a state of its own, afresh in each round; the rounds go through the clients in turn. Time is that of the whole command on
the clock; "own" is without the CPU time that Pebble took meanwhile, which waits for nobody but itself. CPU time is that of the
client and all it started; memory, from a run of its own, that of all its processes together (PSS: what they share counts once). Only what was started here is ended.
"""
import argparse
import functools
import http.server
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
TICKS = os.sysconf("SC_CLK_TCK")
LIMIT_SECONDS = 300
EMAIL = "bench@example.test"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="names of clients, commas between them")
    parser.add_argument("--names", default="1,20", help="numbers of names in one certificate")
    parser.add_argument("--many", type=int, default=100, help="names in one order, and orders at a time, for cairn alone")
    parser.add_argument("--idle", type=int, default=1000, help="certificates none of which is due, for cairn alone")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--markdown", type=pathlib.Path)
    return parser.parse_args()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Patient(http.server.ThreadingHTTPServer):
    request_queue_size = 1024  # a CA asks for all names of an order at once; who finds no place tries again a second later
    daemon_threads = True


class WebRoot:
    """A folder, shown on a port."""

    def __init__(self, folder, port):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        (self.folder / ".well-known/acme-challenge").mkdir(parents=True)
        self.server = Patient(("127.0.0.1", port), functools.partial(Quiet, directory=str(folder)))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def tree(pid):
    """The process and all below it that are there now."""
    found = [pid]
    for one in found:
        try:
            for task in pathlib.Path(f"/proc/{one}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            pass
    return found


def pss_kib(pid):
    total = 0
    for one in tree(pid):
        try:
            for line in pathlib.Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except OSError:
            pass
    return total


class Run:
    """One command: its time, CPU time and memory."""

    def __init__(self, command, environment, ca_pid, watch_memory=False, good=(0,)):
        ca_before = cpu_seconds(ca_pid)
        begun = time.monotonic()
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        output = []
        reader = threading.Thread(target=lambda: output.append(process.stdout.read()))
        reader.start()
        self.pss_kib = 0
        while watch_memory and process.poll() is None:
            self.pss_kib = max(self.pss_kib, pss_kib(process.pid))
            time.sleep(0.002)
        if not watch_memory:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.cpu = usage.ru_utime + usage.ru_stime
        self.wall = time.monotonic() - begun
        reader.join(LIMIT_SECONDS)
        self.own = self.wall - (cpu_seconds(ca_pid) - ca_before)
        if process.returncode not in good:
            sys.exit(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{output[0].decode(errors='replace')}")


class Client:
    """What one client is told; `issue` gets a certificate, making an account first if there is none; `again` finds
    nothing to do."""
    unchanged = (0,)

    def __init__(self, folder, ca, web):
        self.folder, self.ca, self.web = pathlib.Path(folder), ca, web
        self.folder.mkdir(parents=True)
        self.environment = {**os.environ, "HOME": str(self.folder)}

    def prepare(self, names):
        pass


class Cairn(Client):
    unchanged = (2,)
    program = None

    def issue(self, names):
        return [self.program, "issue", *names, "--ca", self.ca.url, "--ca-file", self.ca.root, "--http", f"webroot:{self.web.folder}",
                "--agree-tos", "--email", EMAIL, "--dir", self.folder]

    def again(self, _):
        return [self.program, "renew", "--dir", self.folder]


class Certbot(Client):
    def __init__(self, *more):
        super().__init__(*more)
        self.environment["REQUESTS_CA_BUNDLE"] = str(self.ca.root)
        self.common = ["--config-dir", self.folder / "c", "--work-dir", self.folder / "w", "--logs-dir", self.folder / "l", "-n"]

    def issue(self, names):
        return ["certbot", "certonly", "--webroot", "-w", self.web.folder, "--server", self.ca.url, "--agree-tos", "-m", EMAIL, *self.common,
                *[word for name in names for word in ("-d", name)]]

    def again(self, _):
        return ["certbot", "renew", "--no-random-sleep-on-renew", *self.common]


class Lego(Client):
    def __init__(self, *more):
        super().__init__(*more)
        self.environment["LEGO_CA_CERTIFICATES"] = str(self.ca.root)

    def common(self, names):
        return ["lego", "--server", self.ca.url, "--email", EMAIL, "--accept-tos", "--path", self.folder, "--http",
                "--http.webroot", self.web.folder, *[word for name in names for word in ("-d", name)]]

    def issue(self, names):
        return [*self.common(names), "run"]

    def again(self, names):
        return [*self.common(names), "renew", "--no-random-sleep"]


class AcmeSh(Client):
    unchanged = (0, 2)

    def issue(self, names):
        return ["acme.sh", "--issue", "-w", self.web.folder, "--server", self.ca.url, "--ca-bundle", self.ca.root, "--home", self.folder,
                "--config-home", self.folder, "-k", "ec-256", "-m", EMAIL, *[word for name in names for word in ("-d", name)]]

    def again(self, _):
        return ["acme.sh", "--cron", "--home", self.folder, "--config-home", self.folder]


class Uacme(Client):
    unchanged = (1,)

    def __init__(self, *more):
        super().__init__(*more)
        self.hook = self.folder / "hook"
        self.hook.write_text(f'#!/bin/sh\n[ "$2" = http-01 ] || exit 1\ncase $1 in\nbegin) printf %s "$5" '
                             f'>"{self.web.folder}/.well-known/acme-challenge/$4";;\n'
                             f'*) rm -f "{self.web.folder}/.well-known/acme-challenge/$4";;\nesac\n')
        self.hook.chmod(0o755)

    def common(self):
        return ["uacme", "-a", self.ca.url, "-c", self.folder / "state", "-y"]

    def private(self, command):
        """It knows the system's certificates only: others are shown to it in a mount namespace of its own."""
        return ["unshare", "--mount", "sh", "-c", f"mount --bind '{self.ca.root}' {BUNDLE}; {command}"]

    def issue(self, names):
        # the account is a command of its own
        words = " ".join(map(str, self.common()))
        return self.private(f"[ -e '{self.folder}/state/private/key.pem' ] || {words} -t EC new {EMAIL} && "
                            f"{words} -t EC -h {self.hook} issue {' '.join(names)}")

    def again(self, names):
        return self.private(" ".join(map(str, [*self.common(), "-t", "EC", "-h", self.hook, "issue", *names])))


class Dehydrated(Client):
    def __init__(self, *more):
        super().__init__(*more)
        self.config = self.folder / "config"
        self.config.write_text(f'CA="{self.ca.url}"\nWELLKNOWN="{self.web.folder}/.well-known/acme-challenge"\nBASEDIR="{self.folder}"\n'
                               f'CURL_OPTS="--cacert {self.ca.root}"\nKEY_ALGO=prime256v1\nCONTACT_EMAIL={EMAIL}\n')

    def issue(self, names):
        command = f"dehydrated -f {self.config}"
        return ["sh", "-c", f"[ -d '{self.folder}/accounts' ] || {command} --register --accept-terms && "
                            f"{command} -c {' '.join(f'-d {name}' for name in names)}"]

    def again(self, names):
        return ["dehydrated", "-f", self.config, "-c", *[word for name in names for word in ("-d", name)]]


CLIENTS = {"cairn": Cairn, "certbot": Certbot, "lego": Lego, "acme.sh": AcmeSh, "uacme": Uacme, "dehydrated": Dehydrated}


class Bench:
    def __init__(self, options, directory):
        os.environ["CAIRN_BUILD"] = str(options.build.resolve())
        sys.path.insert(0, str(ROOT / "tests/flow"))
        import pebble
        Cairn.program = options.build.resolve() / "cairn"
        self.options, self.directory = options, pathlib.Path(directory)
        self.ca = pebble.Pebble(self.directory / "pebble").start()
        self.web = WebRoot(self.directory / "web", self.ca.http_port)
        self.results = {}
        self.made = 0

    def close(self):
        self.web.close()
        self.ca.close()

    def client(self, name):
        self.made += 1
        return CLIENTS[name](self.directory / f"state-{self.made}", self.ca, self.web)

    def run(self, client, command, **more):
        return Run(list(map(str, command)), client.environment, self.ca.process.pid, **more)

    def note(self, name, what, run):
        self.results.setdefault(name, {}).setdefault(what, []).append(run)

    def round(self, name, number):
        for count in map(int, self.options.names.split(",")):
            client = self.client(name)
            names = [f"n{i}.r{number}.{name.replace('.', '-')}.test" for i in range(count)]
            self.note(name, f"{count} name" + "s" * (count > 1), self.run(client, client.issue(names)))
            if count == 1:
                self.note(name, "nothing due", self.run(client, client.again(names), good=client.unchanged))

    def memory(self, name):
        client = self.client(name)
        names = [f"m{i}.{name.replace('.', '-')}.test" for i in range(20)]
        self.note(name, "memory", self.run(client, client.issue(names), watch_memory=True))

    def many(self):
        """cairn alone: many names in one order; many certificates at a time; many of which none is due."""
        count = self.options.many
        client = self.client("cairn")
        self.note("cairn", f"{count} names in one order", self.run(client, client.issue([f"n{i}.many.test" for i in range(count)])))
        client = self.client("cairn")
        config = client.folder / "cairn.yaml"
        lines = ["cas:", "  pebble:", f"    directory: {self.ca.url}", f"    ca_file: {self.ca.root}", "    agree_tos: true", "ca: pebble",
                 "renewal:", "  parallel: 8", "defaults:", f'  http: "webroot:{self.web.folder}"', "certificates:"]
        for i in range(count):
            lines += [f"  c{i}.orders.test:", f"    names: [c{i}.orders.test]"]
        config.write_text("\n".join(lines) + "\n")
        apply = [Cairn.program, "apply", "--config", config, "--dir", client.folder / "state"]
        self.note("cairn", f"{count} orders, 8 at a time", self.run(client, apply))
        self.idle(client, config)

    def idle(self, client, config):
        """Certificates that are copies of one, under other names of their own."""
        state = client.folder / "state/certificates"
        first = sorted(state.iterdir())[0]
        lines = config.read_text().splitlines()
        for i in range(self.options.idle - self.options.many):
            shutil.copytree(first, state / f"idle{i}", symlinks=True)
            lines += [f"  idle{i}:", f"    names: [{first.name}]"]
        config.write_text("\n".join(lines) + "\n")
        renew = [Cairn.program, "renew", "--config", config, "--dir", client.folder / "state"]
        # the first run draws the moment of each renewal, and keeps it: a file for each, synced
        self.note("cairn", f"{self.options.idle} certificates, seen first", self.run(client, renew, good=(0, 2)))
        for _ in range(self.options.rounds):
            self.note("cairn", f"{self.options.idle} certificates, none due", self.run(client, renew, good=(0, 2)))
        self.note("cairn", "memory, idle", self.run(client, renew, good=(0, 2), watch_memory=True))


def row(name, what, runs):
    if what.startswith("memory"):
        return [name, what, "", "", "", f"{max(run.pss_kib for run in runs) / 1024:.1f}"]
    middle = lambda key: statistics.median(getattr(run, key) for run in runs)
    return [name, what, f"{middle('wall'):.2f}", f"{middle('own'):.2f}", f"{middle('cpu'):.2f}", ""]


def main():
    options = arguments()
    names = options.only.split(",") if options.only else [n for n in CLIENTS if n == "cairn" or shutil.which(n)]
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        bench = Bench(options, directory)
        try:
            for number in range(options.rounds):
                for name in names:
                    bench.round(name, number)
            for name in names:
                bench.memory(name)
            if "cairn" in names:
                bench.many()
        finally:
            bench.close()
    rows = [row(name, what, runs) for name, all_runs in bench.results.items() for what, runs in all_runs.items()]
    head = ["client", "what", "wall s", "own s", "CPU s", "memory MiB"]
    table = "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows])
    print(table)
    if options.markdown:
        options.markdown.write_text(table + "\n")
    if options.json:
        options.json.write_text(json.dumps({n: {w: [vars(r) for r in runs] for w, runs in a.items()} for n, a in bench.results.items()}))


if __name__ == "__main__":
    main()
