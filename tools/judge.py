#!/usr/bin/python3
"""Run a checker over the tree as a step of the build: judge.py STAMP CHECKER ROOT."""
import pathlib
import subprocess
import sys

stamp, checker, root = sys.argv[1:]
code = subprocess.run([sys.executable, checker, root], check=False).returncode
if code == 0:
    pathlib.Path(stamp).touch()
sys.exit(code)
