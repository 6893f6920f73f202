"""What a test leaves behind is judged again: cairn-ca check finds nothing in the store of a CA that did as it should."""
import json
import subprocess

import house as house_module


def nothing_found(house, but=()):
    """With the settings it served with, when it has ended or beside it; but for findings that tests make on purpose."""
    sets = [word for one in ["validation.allow_networks=127.0.0.0/8", *house.sets] for word in ("--set", one)]
    done = subprocess.run([str(house_module.CAIRN_CA), "check", "--dir", str(house.directory), "--json", *sets],
                          capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, 2) and set(json.loads(done.stdout)["by_finding"]) <= set(but), (done.stdout[-4000:], done.stderr)
