"""What the demo and the README print to be typed works as it is printed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import suggestions
from localcloud.workbench.folder import Folder
from localcloud.workbench.stack_config import vpc_cidr
from tests.localcloud.leftovers import remembered
from tests.repo.test_promises import tracked
from toolchain.places import ROOT, Places

CACHES = ("venv", "toolchain", "k3s")
COMMAND_SECONDS = 900


def printed(output: str) -> list[str]:
    """The commands below "Try next", without what is said of them."""
    _, _, block = output.partition(f"{suggestions.TITLE}\n")
    return [re.split(r" {2,}", line.strip())[0] for line in block.splitlines() if line.strip()]


def of_the_readme() -> list[str]:
    """The commands of the README's part without an AWS account."""
    text = (ROOT / "README.md").read_text()
    part = text.split("## Start, without an AWS account", 1)[1].split("\n## ", 1)[0]
    blocks = re.findall(r"^```\n(.*?)^```", part, re.M | re.S)
    return [line for block in blocks for line in block.splitlines()]


def test_what_is_printed_are_the_commands_and_a_remark_on_each() -> None:
    folder = Folder(Places(Path("/srv/checkout")))
    text = suggestions.text(folder)
    assert printed(text) == [command for command, _ in suggestions.commands(folder)]
    assert printed(text)[0] == ". .local/demo/env.sh"
    assert max(len(line) for line in text.splitlines()) <= 100


def test_the_readme_names_nothing_else_than_make_and_the_demos_shell() -> None:
    assert of_the_readme() == ["make demo", "make test", ". .local/demo/env.sh"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A checkout of its own, with the caches of this one."""
    folder = tmp_path_factory.mktemp("checkouts")
    # A demo of this checkout may stand: its range is taken.
    names = (folder / f"checkout{number}" for number in range(100))
    made = next(each for each in names if vpc_cidr(each) != vpc_cidr(ROOT))
    for file in tracked():
        target = made / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target)
    (made / ".local").mkdir()
    for name in CACHES:
        (made / ".local" / name).symlink_to((ROOT / ".local" / name).resolve())
    with remembered(made / ".local" / "cloud"):
        yield made
        run(made, "make demo-destroy")


def run(checkout: Path, *commands: str) -> str:
    """What the commands print, typed into one shell in the checkout."""
    # A make that runs the tests would have the makes below it tell where they are.
    of_make = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    environment = {name: each for name, each in os.environ.items() if name not in of_make}
    done = subprocess.run(
        ["/bin/sh", "-eux", "-c", "\n".join(commands)],
        cwd=checkout,
        env={**environment, "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.localcloud
def test_every_command_that_is_printed_works_in_the_order_it_is_printed(checkout: Path) -> None:
    output = run(checkout, "make demo")
    commands = printed(output)
    assert commands == [command for command, _ in suggestions.commands(Folder(Places(checkout)))]
    assert not any(each in output for each in ("Traceback", "error:", "rror from server"))
    # From the demo's shell every target works too: on the demo, and on something else beside it.
    beside = ["make help", "make env", "make doctor", "python -m bench --help", "make demo"]
    assert commands.pop() == "make demo-destroy"
    shell = [each for each in of_the_readme() if not each.startswith("make")]
    output = run(checkout, *shell, *commands, *beside, "make demo-destroy")
    assert output.count(" Ready ") >= 3
    left = Folder(Places(checkout))
    assert not any(each.exists() for each in (left.state, left.kubeconfig, left.stack_config))
