"""What a run will take is reported before it begins, and what cannot be had stops it there."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from localcloud.machines import image
from tests.toolchain.conftest import Machine
from toolchain import download, k3s, k3s_pins, packages, plan, venv
from toolchain.errors import ToolchainError
from toolchain.host import Host
from toolchain.plan import Load, Plan, Step
from toolchain.tasks import DOCKER, EMULATED, ENGINES, IMAGE, K3S, PACKAGES, PULUMI, TASKS, VENV

DEBIAN = Host(system="linux", architecture="x86_64", root=True, debian=True, systemd=False)
IDLE = Load(2, 0.0)


@pytest.fixture
def reachable(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The status of each address that responds, by a part of it."""
    returned: dict[str, int] = {}

    def status_of(url: str) -> int | None:
        return next((status for part, status in returned.items() if part in url), None)

    monkeypatch.setattr(download, "status_of", status_of)
    return returned


@pytest.fixture(autouse=True)
def _checkout(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cold: sources, and nothing that was made of them; a Go, and two processors."""
    for name in (*venv.PROGRAM.requirements, *venv.POLICY.requirements):
        (machine.places.root / name).parent.mkdir(exist_ok=True)
        (machine.places.root / name).write_text("")
    (machine.places.root / k3s_pins.FILE).parent.mkdir()
    (machine.places.root / k3s_pins.FILE).write_text("default: v1.36.4+k3s1\n")
    (machine.places.root / k3s.STANDIN).mkdir(parents=True)
    machine.has("go", "echo go1.26.8")
    monkeypatch.delenv(k3s.VARIABLE, raising=False)
    processors(monkeypatch, 2)


def processors(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: count)


def made(machine: Machine, target: str = "demo") -> Plan:
    return plan.make(TASKS[target], machine.places, machine.host, machine.path)


def reported(found: Plan, load: Load = IDLE) -> list[str]:
    return list(plan.lines(found, TASKS["demo"], load))


def test_a_cold_run_is_laid_out_with_rough_minutes_and_the_reason_for_each(
    machine: Machine, reachable: dict[str, int]
) -> None:
    assert reported(made(machine)) == [
        "make demo prepares first, about 10 min in all on 2 processors; "
        "less where Go's build cache holds a part:",
        "    virtual environment  less than a minute  from requirements-dev.txt",
        "    system packages      less than a minute  "
        "Debian's docker.io iproute2 iptables mmdebstrap util-linux",
        "    Docker               less than a minute  started; after system packages",
        "    Pulumi CLI           about 4 min         "
        "built from Go modules, since get.pulumi.com is out of reach",
        "    k3s                  about 6 min         built from Go modules, since github.com "
        "is out of reach; after virtual environment, Pulumi CLI",
        "    machine image        about 1 min         from Debian's packages; "
        "after virtual environment, system packages, Docker",
    ]


def test_a_machine_that_does_other_work_is_reported_to_take_longer(
    machine: Machine, reachable: dict[str, int]
) -> None:
    # Measured with other jobs beside it: 10.6 and 15.3 minutes for the two, 29 in all.
    lines = reported(made(machine), Load(2, 3.0))
    assert lines[0].startswith(
        "make demo prepares first, about 25 min in all on 2 processors with a load of 3.0; less"
    )
    assert "    Pulumi CLI           about 10 min " in lines[4]
    assert "    k3s                  about 15 min " in lines[5]


def test_more_processors_compile_faster_and_download_no_faster() -> None:
    build = Step(name="k3s", words=[], how="", minutes=6.0, builds=True)
    fetch = Step(name="k3s", words=[], how="", minutes=6.0)
    assert (Load(8, 0.0).minutes(build), Load(8, 0.0).minutes(fetch)) == (1.5, 6.0)


def test_what_can_be_downloaded_is_not_built(machine: Machine, reachable: dict[str, int]) -> None:
    # A registry refuses who has not logged in.
    reachable |= {"get.pulumi.com": 200, "v1.36.4%2Bk3s1/k3s": 302, "registry-1.docker.io": 401}
    machine.lacks("go")
    found = {step.name: step for step in made(machine).steps}
    assert not any(step.builds for step in found.values())
    assert found[PULUMI].how == "downloaded from get.pulumi.com"
    assert found[IMAGE].how == "from the public Debian image"
    assert found[K3S].after == [VENV]


def test_two_builds_run_side_by_side_where_one_leaves_processors_idle(
    machine: Machine, reachable: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def builds() -> dict[str, Sequence[str]]:
        return {step.name: step.after for step in made(machine, "test").steps if step.builds}

    one_by_one = {PULUMI: [], K3S: [VENV, PULUMI], EMULATED: [VENV, K3S], ENGINES: [EMULATED]}
    assert builds() == one_by_one
    processors(monkeypatch, 8)
    assert builds() == {PULUMI: [], K3S: [VENV], EMULATED: [VENV, K3S], ENGINES: []}


def test_what_is_there_already_is_not_asked_for(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(download, "status_of", asked.append)
    monkeypatch.setattr(venv, "is_current", lambda *_: True)
    for command in packages.LOCAL_CLOUD:
        machine.has(command, "echo 27.5.1")
    machine.has("pulumi", "echo v3.259.0")
    machine.has("pulumi-language-python", "")
    binary = machine.places.k3s / "v1.36.4+k3s1" / "k3s"
    binary.parent.mkdir(parents=True)
    binary.touch()
    found = made(machine)
    assert found == Plan([], [VENV, PACKAGES, DOCKER, PULUMI, K3S, IMAGE])
    assert (reported(found), asked) == ([], [])


def test_only_what_is_missing_is_named(machine: Machine, reachable: dict[str, int]) -> None:
    """An engine that responds needs no package of ours that starts it."""
    for command in packages.LOCAL_CLOUD:
        machine.has(command, "echo 27.5.1")
    machine.lacks("dockerd", "mmdebstrap")
    found = {step.name: step.how for step in made(machine).steps}
    assert found[PACKAGES] == "Debian's mmdebstrap"
    assert DOCKER not in found


def test_a_release_that_can_be_downloaded_is_not_emulated(
    machine: Machine, reachable: dict[str, int]
) -> None:
    reachable["github.com"] = 200
    assert EMULATED not in {step.name for step in made(machine, "test").steps}


def test_a_named_k3s_is_there(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "status_of", lambda _: 200)
    monkeypatch.setenv(k3s.VARIABLE, "/opt/k3s")
    assert made(machine, "emulation").cached == [K3S, EMULATED]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (None, "Go is not installed\n    get 1.26 or newer from https://go.dev/dl/"),
        ("echo go1.19.8", "go1.19.8 is too old\n    get 1.26 or newer from https://go.dev/dl/"),
    ],
)
def test_without_go_what_must_be_built_stops_it_before_it_begins(
    machine: Machine, reachable: dict[str, int], script: str | None, message: str
) -> None:
    machine.lacks("go")
    if script:
        machine.has("go", script)
    reachable["get.pulumi.com"] = 200
    with pytest.raises(ToolchainError) as caught:
        made(machine)
    assert str(caught.value) == f"k3s cannot be downloaded here and must be built: {message}"


def test_an_account_without_root_needs_mmdebstrap_where_no_image_can_be_pulled(
    machine: Machine, reachable: dict[str, int]
) -> None:
    machine.is_now(root=False)
    with pytest.raises(ToolchainError) as caught:
        made(machine)
    assert str(caught.value) == (
        "no public image can be pulled, and mmdebstrap is not installed\n"
        "    install it, on Debian: sudo apt-get install mmdebstrap"
    )
    reachable["registry-1.docker.io"] = 401
    made(machine)
    reachable.clear()
    machine.has("mmdebstrap", "")
    made(machine)


def test_the_address_of_the_release_is_the_programs_own(machine: Machine) -> None:
    from cluster import releases

    version = k3s.default_version(machine.places)
    assert version == releases.DEFAULT_VERSION
    expected = releases.binary_url(releases.DOWNLOAD_URL, version, "x86_64")
    assert k3s.release_url(machine.places, DEBIAN) == expected


def test_the_image_is_looked_for_under_its_name() -> None:
    assert plan.IMAGES == image.REPOSITORY
