"""What a task has to prepare on this machine: what is there, what is not, and what that takes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from toolchain import (
    docker_engine,
    download,
    emulation,
    engines,
    go,
    k3s,
    packages,
    pins,
    pulumi_cli,
    venv,
)
from toolchain.errors import ToolchainError
from toolchain.host import Host
from toolchain.places import Places
from toolchain.tasks import (
    DOCKER,
    EMULATED,
    ENGINES,
    IMAGE,
    K3S,
    PACKAGES,
    POLICY,
    PULUMI,
    VENV,
    Task,
)

# As in localcloud/machines/image.py, which needs the virtual environment.
IMAGES = "k3s-aws-machine"
REGISTRY = "https://registry-1.docker.io/v2/"
ASK_SECONDS = 20
# The minutes below were measured on as many processors with nothing else to do.
PROCESSORS = 2
# With so many, one Go compilation leaves some of them idle for a part of its time.
PROCESSORS_FOR_TWO_BUILDS = 4
DOWNLOAD_MINUTES = 0.3


@dataclass(frozen=True, kw_only=True)
class Step:
    """
    Something that is not there yet: the command that brings it, how, and in how many minutes.

    `after` are the steps whose result it needs; `builds`: it compiles, on all processors.
    """

    name: str
    words: Sequence[str]
    how: str
    minutes: float
    after: Sequence[str] = ()
    builds: bool = False


@dataclass(frozen=True)
class Load:
    """How fast this machine is now, against the one that was measured."""

    processors: int
    average: float

    def minutes(self, step: Step) -> float:
        """The step's minutes here, roughly: others take their share of the processors."""
        share = 1 + self.average / self.processors
        faster = PROCESSORS / self.processors if step.builds else 1.0
        return step.minutes * share * faster


@dataclass(frozen=True)
class Plan:
    """The steps in the order in which they may begin, and the names of what is there already."""

    steps: Sequence[Step]
    cached: Sequence[str]

    def minutes(self, load: Load) -> float:
        """How long all steps take together, those that need nothing of each other side by side."""
        ends: dict[str, float] = {}
        for step in self.steps:
            begins = max((ends[name] for name in step.after), default=0.0)
            ends[step.name] = begins + load.minutes(step)
        return max(ends.values(), default=0.0)


def make(task: Task, places: Places, host: Host, path: str) -> Plan:
    """
    Examines everything the task needs; opens connections only for what is not there.

    Raises ToolchainError where something can neither be downloaded nor be made.
    """
    named = os.environ.get(k3s.VARIABLE)
    engine = bool(docker_engine.ask().version)
    absent = packages.missing(packages.needed(host, engine=engine), path)
    there = {
        VENV: venv.is_current(places),
        POLICY: venv.is_current(places, venv.POLICY),
        PACKAGES: not absent,
        DOCKER: engine,
        PULUMI: bool(pulumi_cli.on_path(path, places) or pulumi_cli.installed(places)),
        K3S: k3s.is_prepared(places, named),
        EMULATED: k3s.is_emulated_prepared(places, host, named),
        IMAGE: engine and _has_image(),
        ENGINES: engines.is_prepared(places, path),
    }
    needed = [name for name in task.needs if not there[name]]
    urls = _urls(places, host)
    reachable = _reachable({name: urls[name] for name in urls if name in needed})
    if reachable.get(K3S) and EMULATED in needed:
        # Only the stand-in can be emulated, and the release takes its place.
        needed.remove(EMULATED)
    every = {step.name: step for step in _steps(places, host, absent, urls, reachable)}
    steps = [every[name] for name in every if name in needed]
    _require_makeable(steps, reachable, host, path)
    return Plan(_ordered(steps), [name for name in task.needs if there[name]])


def _urls(places: Places, host: Host) -> Mapping[str, str]:
    """What is downloaded where it can be."""
    return {
        PULUMI: pins.PULUMI_URL.format(version=pins.PULUMI_VERSION, platform=host.pulumi_platform),
        K3S: k3s.release_url(places, host),
        IMAGE: REGISTRY,
    }


def _reachable(urls: Mapping[str, str]) -> Mapping[str, bool]:
    """Whether each can be downloaded; all at once, since one out of reach takes seconds."""
    if not urls:
        return {}
    with ThreadPoolExecutor(len(urls)) as requests:
        statuses = dict(zip(urls, requests.map(download.status_of, urls.values()), strict=True))
    # A registry answers 401 without a login, and works all the same.
    return {
        name: status is not None and (name == IMAGE or status < 400)
        for name, status in statuses.items()
    }


def _has_image() -> bool:
    try:
        done = subprocess.run(
            ["docker", "images", "--quiet", IMAGES],
            capture_output=True,
            text=True,
            timeout=ASK_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return bool(done.stdout.strip())


def _steps(
    places: Places,
    host: Host,
    absent: Sequence[str],
    urls: Mapping[str, str],
    reachable: Mapping[str, bool],
) -> Iterator[Step]:
    ours = [sys.executable, "-m", "toolchain"]
    in_venv = [str(places.venv / "bin" / "python"), "-m"]

    def made(name: str, words: Sequence[str], minutes: float, after: Sequence[str] = ()) -> Step:
        """Downloaded where it is offered, else built."""
        source, offered = urls[name].split("/")[2], reachable.get(name, False)
        return Step(
            name=name,
            words=words,
            how=f"downloaded from {source}"
            if offered
            else f"built from Go modules, since {source} is out of reach",
            minutes=DOWNLOAD_MINUTES if offered else minutes,
            after=after,
            builds=not offered,
        )

    installed = " ".join(sorted({packages.LOCAL_CLOUD[command] for command in absent}))
    yield Step(
        name=VENV, words=[*ours, "venv"], how=f"from {venv.PROGRAM.requirements[-1]}", minutes=0.7
    )
    yield Step(
        name=POLICY,
        words=[*ours, "policy"],
        how=f"from {venv.POLICY.requirements[-1]}",
        minutes=0.3,
        after=[VENV],
    )
    yield Step(name=PACKAGES, words=[*ours, "packages"], how=f"Debian's {installed}", minutes=0.5)
    yield Step(
        name=DOCKER, words=[*ours, "docker", "start"], how="started", minutes=0.1, after=[PACKAGES]
    )
    yield made(PULUMI, [*ours, "pulumi"], 4.0)
    yield made(K3S, [*in_venv, "toolchain", "k3s"], 6.0, [VENV])
    other = emulation.other(host)
    yield Step(
        name=EMULATED,
        words=[*in_venv, "toolchain", "k3s", "--emulated"],
        how=f"the stand-in for {other}, built from Go modules",
        minutes=6.0,
        after=[VENV, K3S],
        builds=True,
    )
    yield Step(
        name=IMAGE,
        words=[*in_venv, "localcloud", "image"],
        how="from the public Debian image" if reachable.get(IMAGE) else "from Debian's packages",
        minutes=1.0,
        after=[VENV, PACKAGES, DOCKER],
    )
    yield Step(
        name=ENGINES,
        words=[*ours, "engines"],
        how="built from Go modules, installed from npm and Debian",
        minutes=1.5,
        builds=True,
    )


def _require_makeable(
    steps: Sequence[Step], reachable: Mapping[str, bool], host: Host, path: str
) -> None:
    found = []
    if any(step.builds for step in steps):
        try:
            go.require()
        except ToolchainError as error:
            names = " and ".join(step.name for step in steps if step.builds)
            found.append(f"{names} cannot be downloaded here and must be built: {error}")
    image = any(step.name == IMAGE for step in steps) and not reachable[IMAGE]
    if (
        image
        and not host.root
        and packages.missing({packages.MMDEBSTRAP: packages.MMDEBSTRAP}, path)
    ):
        found.append(
            "no public image can be pulled, and mmdebstrap is not installed\n"
            f"    install it, on Debian: sudo apt-get install {packages.MMDEBSTRAP}"
        )
    if found:
        raise ToolchainError("\nerror: ".join(found))


def _ordered(steps: Sequence[Step]) -> list[Step]:
    """
    Each needs only steps that are there to be done; on few processors, one build at a time.

    Two compilations side by side take as long as one after the other where one uses all of them.
    """
    names = {step.name for step in steps}
    at_once = (os.cpu_count() or 1) >= PROCESSORS_FOR_TWO_BUILDS
    ordered: list[Step] = []
    for step in steps:
        after = [name for name in step.after if name in names]
        builds = [each.name for each in ordered if each.builds]
        if step.builds and not at_once:
            after += [name for name in builds[-1:] if name not in after]
        ordered.append(replace(step, after=after))
    return ordered


def lines(plan: Plan, task: Task, load: Load) -> Iterator[str]:
    """The plan as text; nothing where there is nothing to prepare."""
    if not plan.steps:
        return
    beside = f" with a load of {load.average:.1f}" if load.average >= 0.5 else ""
    less = "; less where Go's build cache holds a part" if any(s.builds for s in plan.steps) else ""
    yield (
        f"make {task.target} prepares first, {_about(plan.minutes(load))} in all on "
        f"{load.processors} processors{beside}{less}:"
    )
    width = max(len(step.name) for step in plan.steps)
    for step in plan.steps:
        later = f"; after {', '.join(step.after)}" if step.after else ""
        yield f"    {step.name:{width}}  {_about(load.minutes(step)):18}  {step.how}{later}"
    if plan.cached:
        yield f"there already: {', '.join(plan.cached)}"


def _about(minutes: float) -> str:
    return "less than a minute" if minutes < 0.95 else f"about {minutes:.0f} min"


def load_now() -> Load:
    """The processors of this machine and how many programs want them."""
    return Load(os.cpu_count() or 1, os.getloadavg()[0])
