"""
Run by pulumi-resource-k3s: `python3 -m provider [engine address]`.

Whatever Python that is: until its version is known, nothing newer than 3.6 stands here.
"""

import importlib.util
import sys

MINIMUM = (3, 11)
NEEDED = ("grpc", "pulumi", "cryptography", "paramiko", "urllib3", "yaml")
"""What the plugin imports at its start or later; requirements.txt has their versions."""


def missing():
    # type: () -> str
    """What this Python lacks, in words; empty where it lacks nothing."""
    if sys.version_info < MINIMUM:
        found = ".".join(str(each) for each in sys.version_info[:3])
        return "Python {}.{} or newer is needed, this is {}".format(*MINIMUM, found)
    absent = [each for each in NEEDED if importlib.util.find_spec(each) is None]
    return "it has no package " + ", ".join(absent) if absent else ""


def main():
    # type: () -> None
    """Serves until the engine ends it."""
    lacks = missing()
    if lacks:
        sys.exit(
            f"k3s plugin: {sys.executable} cannot run it: {lacks}\n"
            "    run `pulumi install` in the project's folder with Python 3.11 or newer as the "
            "first python3 on PATH;\n"
            "    on Debian and Ubuntu it needs the package python3-venv"
        )
    from provider.protocol.process import serve
    from provider.resources import K3sProvider

    # The engine may pass flags before its address.
    serve(K3sProvider(), sys.argv[-1] if len(sys.argv) > 1 else None)


if __name__ == "__main__":
    main()
