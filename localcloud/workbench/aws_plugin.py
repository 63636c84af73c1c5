"""The `aws` plugin in a stack's Pulumi home: the official one where it can be had, else ours."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from localcloud.aws_plugin import VERSION
from localcloud.workbench.folder import Folder
from toolchain import download, progress
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
    plugin = _plugin(folder)
    place = plugin.parent
    _remove_links(place)
    if _is_standin(plugin):
        write_standin(folder)
        return f"{STANDIN}, {VERSION}"
    if plugin.exists():
        return f"{OFFICIAL}, {VERSION}"
    installed = operator_home / "plugins" / place.name / PLUGIN
    if installed.exists() and not _is_standin(installed):
        # The engine reads no folder that is a link; a file in it may be one.
        place.mkdir(parents=True, exist_ok=True)
        plugin.symlink_to(installed)
        return f"{OFFICIAL}, {VERSION} ({installed.parent})"
    if _installed_official(host, environment, folder, say):
        return f"{OFFICIAL}, {VERSION}"
    write_standin(folder)
    return f"{STANDIN}, {VERSION}"


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


def _installed_official(
    host: Host, environment: Mapping[str, str], folder: Folder, say: Say
) -> bool:
    url = OFFICIAL_URL.format(
        version=VERSION, system=host.system, machine=GO_NAMES[host.architecture]
    )
    if not download.reachable(url):
        return False
    progress.run(
        f"installing the official aws plugin {VERSION}",
        ["pulumi", "plugin", "install", "resource", "aws", VERSION, "--exact"],
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


def write_standin(folder: Folder) -> None:
    """Installs the stand-in, run by the checkout's virtual environment."""
    root, python = folder.places.root, folder.places.venv / "bin" / "python"
    plugin = _plugin(folder)
    plugin.parent.mkdir(parents=True, exist_ok=True)
    plugin.write_text(WRAPPER.format(root=shlex.quote(str(root)), python=shlex.quote(str(python))))
    plugin.chmod(0o755)


def _plugin(folder: Folder) -> Path:
    return folder.pulumi_home / "plugins" / f"resource-aws-v{VERSION}" / PLUGIN
