"""
`python -m k3s_aws plugin install`: installs the `k3s` plugin where the Pulumi engine finds it.
`python -m k3s_aws plugin path`: the folder for `plugins.providers` or `packages` of a Pulumi.yaml.
`python -m k3s_aws schema`: the schema of the package.
"""

from __future__ import annotations

import argparse
import sys

from k3s_aws import package_schema, plugin_installation
from k3s_aws.plugin_installation import InstallationError


def main(words: list[str]) -> int:
    """Runs one command; an operator's error is one message and status 1."""
    parser = argparse.ArgumentParser(
        prog="python -m k3s_aws",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("schema", help="print the schema of the package")
    plugin = commands.add_parser("plugin", help="the plugin that the engine starts")
    plugin.add_argument("action", choices=["install", "path"])
    chosen = parser.parse_args(words)
    try:
        if chosen.command == "schema":
            print(package_schema.render())
        elif chosen.action == "path":
            print(plugin_installation.FOLDER)
        else:
            print(plugin_installation.install())
    except InstallationError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
