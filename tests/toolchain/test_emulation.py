"""How a host comes to run the other architecture's programs, and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.toolchain.conftest import Machine
from toolchain import emulation
from toolchain.errors import ToolchainError

SHIPPED = r":qemu-aarch64:M::\x7fELF\x02:\xff\xff\xff:/usr/libexec/qemu-binfmt/aarch64-binfmt-P:OPF"
OURS = (
    r":k3s-aws-aarch64:M::\x7fELF\x02:\xff\xff\xff:/usr/libexec/qemu-binfmt/aarch64-binfmt-P:OCPF"
)


def entry(flags: str, *, state: str = "enabled", name: str = "aarch64") -> str:
    """An entry as the kernel tells it."""
    return (
        f"{state}\ninterpreter /usr/libexec/qemu-binfmt/{name}-binfmt-P\nflags: {flags}\noffset 0\n"
    )


class Kernel:
    """binfmt_misc of a kernel, as far as files can be one."""

    def __init__(self, folder: Path) -> None:
        self.binfmt, self.shipped = folder / "binfmt_misc", folder / "binfmt.d"
        self.binfmt.mkdir()
        self.shipped.mkdir()
        (self.binfmt / "register").touch()
        (self.binfmt / "status").write_text("enabled\n")
        (self.shipped / "qemu-aarch64.conf").write_text(f"{SHIPPED}\n")

    def has(self, name: str, content: str) -> None:
        (self.binfmt / name).write_text(content)


@pytest.fixture
def kernel(machine: Machine) -> Kernel:
    for command in ("mmdebstrap", "arch-test", "qemu-aarch64-static"):
        machine.has(command, "")
    return Kernel(machine.folder)


def start(machine: Machine, kernel: Kernel) -> str:
    return emulation.start(
        machine.places, machine.host, machine.path, machine.say, kernel.binfmt, kernel.shipped
    )


@pytest.mark.parametrize(
    ("content", "ready"),
    [
        (entry("OCPF"), True),
        (entry("CF"), True),
        # Debian's own entry: sudo would not be root.
        (entry("OPF"), False),
        # The container would need a qemu of its own.
        (entry("OC"), False),
        (entry("OCPF", state="disabled"), False),
        (entry("OCPF", name="riscv64"), False),
    ],
)
def test_an_entry_counts_when_it_is_enough_for_a_machine(
    machine: Machine, kernel: Kernel, content: str, ready: bool
) -> None:
    kernel.has("qemu-aarch64", content)
    assert emulation.is_ready(machine.host, kernel.binfmt) is ready


def test_without_entries_nothing_is_emulated(machine: Machine, tmp_path: Path) -> None:
    assert not emulation.is_ready(machine.host, tmp_path / "not-mounted")


def test_what_is_ready_is_left_alone(machine: Machine, kernel: Kernel) -> None:
    kernel.has("qemu-aarch64", entry("OCPF"))
    assert start(machine, kernel) == "arm64 programs run through qemu-user already"
    assert (kernel.binfmt / "register").read_text() == ""


def test_debians_line_is_registered_under_our_name_with_the_flags_a_machine_needs(
    machine: Machine, kernel: Kernel
) -> None:
    kernel.has("qemu-aarch64", entry("OPF"))
    # A file takes the line and makes no entry of it, which is noticed.
    with pytest.raises(ToolchainError, match="took the entry for arm64, and it is not there"):
        start(machine, kernel)
    assert (kernel.binfmt / "register").read_text() == OURS


def test_stopping_takes_back_our_entry_and_no_other(machine: Machine, kernel: Kernel) -> None:
    kernel.has("qemu-aarch64", entry("OPF"))
    assert emulation.stop(machine.host, kernel.binfmt).endswith("were not made to run from here")
    kernel.has("k3s-aws-aarch64", entry("OCPF"))
    assert emulation.stop(machine.host, kernel.binfmt) == "arm64 programs run no longer"
    assert (kernel.binfmt / "k3s-aws-aarch64").read_text() == "-1"
    assert (kernel.binfmt / "qemu-aarch64").read_text() == entry("OPF")


def test_another_account_than_root_gets_the_command(machine: Machine, kernel: Kernel) -> None:
    machine.is_now(root=False)
    with pytest.raises(
        ToolchainError, match="run as root: qemu has to be registered with the kernel"
    ):
        start(machine, kernel)


def test_a_missing_qemu_is_named_with_its_package(machine: Machine, kernel: Kernel) -> None:
    machine.lacks("qemu-aarch64-static")
    machine.is_now(debian=False)
    with pytest.raises(ToolchainError, match="not installed: qemu-aarch64-static"):
        start(machine, kernel)


def test_a_kernel_without_binfmt_misc_is_an_error_with_the_way_out(
    machine: Machine, kernel: Kernel
) -> None:
    (kernel.binfmt / "register").unlink()
    machine.has("mount", "echo 'unknown filesystem type' >&2; exit 32")
    with pytest.raises(ToolchainError, match="cannot be mounted: unknown filesystem type\n    the"):
        start(machine, kernel)
