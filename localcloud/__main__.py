"""`python -m localcloud`: start, stop, status, logs, and the image of its machines."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcloud.errors import LocalCloudError
from toolchain import command
from toolchain.places import Places

FURTHER_K3S = "k3s-versions"

if TYPE_CHECKING:
    from localcloud.lifecycle import Cloud


def say(text: str) -> None:
    """Progress goes to stderr, data to stdout."""
    print(text, file=sys.stderr, flush=True)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m localcloud", description=__doc__)
    top.add_argument(
        "--home", type=Path, default=Places().cloud, help="where the cloud keeps its files"
    )
    commands = top.add_subparsers(dest="command", required=True)
    for name, described in (
        ("start", "start the cloud"),
        ("serve", "run the daemon"),
    ):
        starting = commands.add_parser(name, help=described)
        starting.add_argument("--k3s-binary", type=Path, required=True)
        starting.add_argument("--k3s-version", required=True)
        starting.add_argument("--port", type=int, default=0, help="0 takes a free one")
        starting.add_argument(
            "--emulated-k3s", type=Path, help="the k3s of the architecture this host does not have"
        )
        if name == "serve":
            starting.add_argument("--image", required=True)
            starting.add_argument("--emulated-image", default="")
    commands.add_parser("stop", help="stop the cloud and remove what it created")
    commands.add_parser("status", help="report what is running").add_argument(
        "--json", action="store_true"
    )
    interrupting = commands.add_parser("interrupt", help="announce that EC2 takes a spot instance")
    interrupting.add_argument("instance", help="the instance id")
    interrupting.add_argument(
        "--seconds", type=float, default=120.0, help="from the notice to the end (120)"
    )
    commands.add_parser("logs", help="print the daemon's log").add_argument(
        "-f", "--follow", action="store_true"
    )
    commands.add_parser("image", help="build the machine image where it is missing; print its name")
    return top


def status(cloud: Cloud, *, as_json: bool) -> int:
    """0 when the daemon runs, 3 when it does not (as with systemctl)."""
    from localcloud import architectures

    running = cloud.endpoint()
    machines = cloud.machines()
    page = cloud.status() if running else {}
    if as_json:
        content = {
            "running": running is not None,
            "machines": machines,
            **(running or {}),
            **page,
        }
        print(json.dumps(content))
    elif running:
        print(f"local cloud {cloud.id} (a stand-in for AWS) at {running['endpoint']}")
        print(f"up {page['uptimeSeconds']} s, k3s {running['k3sVersion']}")
        print(architectures.notice(emulated=running["emulated"]))
        print("\n".join(lines_of(page)))
    else:
        print(f"local cloud {cloud.id} is not running")
        if machines:
            print(f"{len(machines)} machines were left behind; remove: {cloud.stop_command}")
    return 0 if running else 3


def lines_of(page: dict[str, Any]) -> list[str]:
    """One line for each instance and each load balancer, one for each instance that failed."""
    lines = [
        f"  {each['id']}  {each['state']:13} {each['type']:10} {each['privateIp']:15} "
        f"{each['publicIp'] or '-'}"
        for each in page["instances"]
    ]
    balancers = [
        f"  {each['name']}  {each['state']:13} {each['address']:15} "
        + (", ".join(f"{target} {state}" for target, state in each["targets"].items()) or "-")
        for each in page["loadBalancers"]
    ]
    failures = [f"  {name} failed: {reason}" for name, reason in page["failures"].items()]
    return [f"{len(lines)} instances", *lines, *balancers, *failures]


def logs(cloud: Cloud, *, follow: bool) -> int:
    """Prints the log; with follow until interrupted."""
    if not cloud.log.exists():
        raise LocalCloudError(f"there is no log at {cloud.log}: the cloud was never started")
    with cloud.log.open() as file:
        while True:
            sys.stdout.write(file.read())
            sys.stdout.flush()
            if not follow:
                return 0
            time.sleep(0.5)


def serve(cloud: Cloud, arguments: argparse.Namespace) -> None:
    """Runs the daemon until SIGTERM."""
    from localcloud import architectures, daemon
    from localcloud.instance.servers import Artifact
    from localcloud.machines import Machines

    emulated = arguments.emulated_k3s
    artifact = Artifact(
        version=arguments.k3s_version,
        files=architectures.files(arguments.k3s_binary, cloud.home, emulated),
        emulated=emulated is not None,
        further=cloud.home / FURTHER_K3S,
    )
    images = (arguments.image, arguments.emulated_image)
    machines = Machines(cloud.id, *images, home=cloud.home)
    daemon.serve(cloud.home, cloud.id, machines, artifact, arguments.port)


def act(arguments: argparse.Namespace) -> int:
    """Runs one command."""
    # What it imports is in the virtual environment only; the help needs none.
    from localcloud.lifecycle import Cloud
    from localcloud.machines import ensure_image

    cloud = Cloud(arguments.home.resolve())
    match arguments.command:
        case "start":
            running = cloud.start(
                k3s_binary=arguments.k3s_binary.resolve(),
                k3s_version=arguments.k3s_version,
                port=arguments.port,
                say=say,
                emulated_k3s=arguments.emulated_k3s and arguments.emulated_k3s.resolve(),
            )
            print(running["endpoint"])
        case "serve":
            serve(cloud, arguments)
        case "stop":
            cloud.stop(say)
        case "status":
            return status(cloud, as_json=arguments.json)
        case "interrupt":
            print(cloud.interrupt(arguments.instance, arguments.seconds)["time"])
        case "logs":
            return logs(cloud, follow=arguments.follow)
        case "image":
            print(ensure_image(say))
    return 0


def main(words: list[str]) -> int:
    """Runs one command; an operator's error is one message and status 1."""
    arguments = parser().parse_args(words)
    return command.run(lambda: act(arguments), errors=(LocalCloudError,))


if __name__ == "__main__":
    command.end_in_order()
    sys.exit(main(sys.argv[1:]))
