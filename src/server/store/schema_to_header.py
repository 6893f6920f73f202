"""Turns schema/NNN.sql into C string macros SCHEMA_NNN; run by the build."""
import os
import sys

out = ["/* Made from the files of schema by the build. */", "#pragma once", ""]
for path in sys.argv[2:]:
    number = os.path.splitext(os.path.basename(path))[0]
    with open(path, encoding="utf-8") as f:
        lines = [line.strip() for line in f if line.strip()]
    text = " \\\n".join('    "%s\\n"' % line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    out.append("#define SCHEMA_%s \\\n%s\n" % (number, text))
with open(sys.argv[1], "w", encoding="utf-8") as f:
    f.write("\n".join(out))
