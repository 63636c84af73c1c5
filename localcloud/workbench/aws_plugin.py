"""The `aws` plugin in the demo's Pulumi home: the official one where it can be had, else ours."""

from __future__ import annotations

import importlib.util
import json
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from localcloud.workbench.folder import Folder
from toolchain import download, progress
from toolchain.errors import ToolchainError
from toolchain.host import GO_NAMES, Host
from toolchain.progress import Say

OFFICIAL_URL = "https://get.pulumi.com/releases/plugins/pulumi-resource-aws-v{version}-{system}-{machine}.tar.gz"
INSTALL_SECONDS = 900
PLUGIN = "pulumi-resource-aws"
OFFICIAL = "the official aws plugin"
STANDIN = "the stand-in for the aws plugin"
WRAPPER = """\
#!/bin/sh
export PYTHONPATH={root}
exec {python} -P -u -m localcloud.aws_plugin "$@"
"""


def provide(
    folder: Folder, host: Host, environment: Mapping[str, str], operator_home: Path, say: Say
) -> str:
    """
    Puts the plugin where the engine looks for it; which one it is.

    One that is there stays, so that a stack is never moved from one to the other under way.
    """
    version = sdk_version()
    place = folder.pulumi_home / "plugins" / f"resource-aws-v{version}"
    plugin = place / PLUGIN
    _remove_links(place)
    if _is_standin(plugin):
        _write_standin(plugin, folder)
        return f"{STANDIN}, {version}"
    if plugin.exists():
        return f"{OFFICIAL}, {version}"
    installed = operator_home / "plugins" / place.name / PLUGIN
    if installed.exists() and not _is_standin(installed):
        # The engine reads no folder that is a link; a file in it may be one.
        place.mkdir(parents=True, exist_ok=True)
        plugin.symlink_to(installed)
        return f"{OFFICIAL}, {version} ({installed.parent})"
    if _installed_official(version, host, environment, folder, say):
        return f"{OFFICIAL}, {version}"
    _write_standin(plugin, folder)
    return f"{STANDIN}, {version}"


def forget_standin(folder: Folder) -> None:
    """Removes ours and every link; an official plugin that was downloaded here stays."""
    for place in folder.pulumi_home.glob("plugins/resource-aws-v*"):
        _remove_links(place)
        if _is_standin(place / PLUGIN):
            shutil.rmtree(place)


def _remove_links(place: Path) -> None:
    """
    Removes the plugin's folder where it is a link, and the plugin where it is a link that leads
    nowhere or to a stand-in, which is another checkout's.
    """
    if place.is_symlink():
        place.unlink()
    plugin = place / PLUGIN
    if plugin.is_symlink() and (not plugin.exists() or _is_standin(plugin)):
        plugin.unlink()


def sdk_version() -> str:
    """The version the program's SDK asks the engine for, which must be met exactly."""
    found = importlib.util.find_spec("pulumi_aws")
    if found is None or found.origin is None:
        raise ToolchainError("pulumi-aws is not installed\n    run make demo, or make venv")
    content = json.loads(Path(found.origin).with_name("pulumi-plugin.json").read_text())
    return str(content["version"])


def _installed_official(
    version: str, host: Host, environment: Mapping[str, str], folder: Folder, say: Say
) -> bool:
    url = OFFICIAL_URL.format(
        version=version, system=host.system, machine=GO_NAMES[host.architecture]
    )
    if not download.reachable(url):
        return False
    progress.run(
        f"installing the official aws plugin {version}",
        ["pulumi", "plugin", "install", "resource", "aws", version, "--exact"],
        log=folder.path / "aws-plugin.log",
        say=say,
        deadline_seconds=INSTALL_SECONDS,
        environment=environment,
    )
    return True


def _is_standin(plugin: Path) -> bool:
    try:
        with plugin.open("rb") as content:
            return content.read(2) == b"#!"
    except OSError:
        return False


def _write_standin(plugin: Path, folder: Folder) -> None:
    root, python = folder.places.root, folder.places.venv / "bin" / "python"
    plugin.parent.mkdir(parents=True, exist_ok=True)
    plugin.write_text(WRAPPER.format(root=shlex.quote(str(root)), python=shlex.quote(str(python))))
    plugin.chmod(0o755)
