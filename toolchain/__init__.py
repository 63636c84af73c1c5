"""
The tools the project needs on a machine: found where they are, fetched or built where they are not.

Only the standard library, because it runs before the virtual environment exists; `k3s` alone reads
the program's pins and needs it. Everything fetched or built lies under `.local/`.
"""

import sys

OLDEST_PYTHON = (3, 11)
if sys.version_info[:2] < OLDEST_PYTHON:
    # Here, where an older one still reads every line.
    sys.stderr.write(
        "error: Python %d.%d is too old\n" % sys.version_info[:2]  # noqa: UP031 - for older ones
        + "    install 3.11 or newer and name it: make PYTHON=python3.11 ...\n"
    )
    sys.exit(1)
