"""`python3 -m toolchain`: gets one tool at a time, says which way it took; `doctor` only looks."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path

from toolchain import (
    command,
    docker_engine,
    doctor,
    emulation,
    engines,
    k3s,
    k3s_pins,
    languages,
    packages,
    plan,
    preconditions,
    pulumi_cli,
    sbom,
    venv,
)
from toolchain.host import Architecture, Host, this_host
from toolchain.places import Places
from toolchain.preparation import Preparation
from toolchain.tasks import TASKS

ENVIRONMENTS = {"venv": venv.PROGRAM, "policy": venv.POLICY}


def say(text: str) -> None:
    """Talk goes to stderr, data to stdout."""
    print(text, file=sys.stderr, flush=True)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python3 -m toolchain", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    for name, described in (
        ("require", "say at once what a make target cannot work without"),
        ("prepare", "the same, then everything below that the target needs, side by side"),
    ):
        commands.add_parser(name, help=described).add_argument("target", choices=list(TASKS))
    commands.add_parser("venv", help="the virtual environment, from the pinned requirements")
    commands.add_parser("policy", help="the virtual environment of the policy pack")
    pulumi = commands.add_parser("pulumi", help="the Pulumi CLI; prints its folder")
    pulumi.add_argument("--pinned", action="store_true", help="take none of PATH")
    commands.add_parser("languages", help="Pulumi's hosts of YAML and Node.js; prints their folder")
    commands.add_parser("packages", help="the system packages of the local cloud")
    commands.add_parser("engines", help="what executes the pipeline files in tests")
    docker = commands.add_parser("docker", help="the Docker Engine")
    docker.add_argument("action", choices=["start", "stop"])
    binary = commands.add_parser("k3s", help="the k3s of the local cloud; prints its path")
    binary.add_argument("--json", action="store_true", help="print path, version, kind, sha256")
    binary.add_argument("--emulated", action="store_true", help="prepare that of `emulation` too")
    emulated = commands.add_parser(
        "emulation", help="the other architecture's programs on this host, through qemu-user"
    )
    emulated.add_argument("action", choices=["start", "stop"])
    pin = commands.add_parser("pin", help="pin another k3s release in cluster/releases.yaml")
    pin.add_argument("version", help="in full, such as v1.36.4+k3s1")
    pin.add_argument("--sums", type=Path, nargs="+", default=[], help="its sha256sum-*.txt files")
    pin.add_argument("--x86-64", help="the SHA-256 of k3s, by hand")
    pin.add_argument("--arm64", help="the SHA-256 of k3s-arm64, by hand")
    commands.add_parser("sbom", help="the program's dependencies as a CycloneDX file")
    commands.add_parser("doctor", help="list what is there and what is missing")
    return top


def act(arguments: argparse.Namespace, places: Places, host: Host, path: str) -> int:
    """Runs one command."""
    match arguments.command:
        case "require" | "prepare":
            _for_target(arguments, places, host, path)
        case "docker":
            _docker(arguments.action, places, host)
        case "k3s":
            _k3s(arguments, places, host)
        case "emulation":
            _emulation(arguments.action, places, host, path)
        case "pin":
            print(k3s_pins.add(places.root / k3s_pins.FILE, arguments.version, _hashes(arguments)))
        case "sbom":
            print(sbom.write(places, say))
        case "doctor":
            findings = list(doctor.examine(places, host, path))
            print("\n".join(str(finding) for finding in findings))
            return 0 if all(finding.there for finding in findings) else 1
        case "pulumi":
            cli = pulumi_cli.provide(places, host, path, say, is_pinned=arguments.pinned)
            say(f"Pulumi {cli.version}, {cli.way}")
            print(cli.folder)
        case tool:
            _provide(tool, places, host, path)
    return 0


def _provide(tool: str, places: Places, host: Host, path: str) -> None:
    match tool:
        case "venv" | "policy":
            venv.provide(places, host, say, ENVIRONMENTS[tool])
        case "languages":
            print(languages.provide(places, say))
        case "packages":
            provide_packages(places, host, path)
        case "engines":
            engines.provide(places, host, path, say)


def _k3s(arguments: argparse.Namespace, places: Places, host: Host) -> None:
    found = k3s.provide(places, host, os.environ.get(k3s.VARIABLE), say)
    say(f"k3s {found.version}, {found.kind}")
    if arguments.emulated:
        k3s.emulated(places, host, found, say)
    as_json = json.dumps(dataclasses.asdict(found), default=str)
    print(as_json if arguments.json else found.path)


def _docker(action: str, places: Places, host: Host) -> None:
    if action == "start":
        say(docker_engine.start(places, host, say))
    else:
        say(docker_engine.stop(places, say))


def _emulation(action: str, places: Places, host: Host, path: str) -> None:
    if action == "start":
        say(emulation.start(places, host, path, say))
    else:
        say(emulation.stop(host))


def _hashes(arguments: argparse.Namespace) -> dict[Architecture, str]:
    by_hand: dict[Architecture, str | None] = {
        "x86_64": arguments.x86_64,
        "arm64": arguments.arm64,
    }
    given = {each: digest for each, digest in by_hand.items() if digest}
    if arguments.sums:
        given |= k3s_pins.in_files(arguments.sums)
    return given or k3s_pins.fetched(arguments.version, say)


def _for_target(arguments: argparse.Namespace, places: Places, host: Host, path: str) -> None:
    """Says what the target lacks, and what it takes here; then brings it, if asked for."""
    task = TASKS[arguments.target]
    preconditions.check(task, places, host, path)
    if arguments.command == "prepare":
        made = plan.make(task, places, host, path)
        for line in plan.lines(made, task, plan.load_now()):
            say(line)
        Preparation(made.steps, places.root, say).run()


def provide_packages(places: Places, host: Host, path: str) -> None:
    """What the local cloud needs; a Docker Engine that answers needs no package of ours."""
    commands = packages.needed(host, engine=bool(docker_engine.ask().version))
    packages.provide(commands, places, host, path, say)


def main(words: list[str]) -> int:
    """Runs one command; an operator's error is one message and status 1."""
    arguments = parser().parse_args(words)
    return command.run(
        lambda: act(arguments, Places(), this_host(), os.environ["PATH"]), in_venv=False
    )


if __name__ == "__main__":
    command.end_in_order()
    sys.exit(main(sys.argv[1:]))
