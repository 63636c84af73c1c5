"""sshd's host key and login keys."""

from __future__ import annotations

import os

import pytest

from tests.cloud_init.simulated_machine import HOST_KEY, LOGIN_KEY, SimulatedMachine

OTHER_HOST_KEY = HOST_KEY.replace("host-key-body", "other-host-key-body")


def test_ssh_is_restarted_with_our_key_before_anything_else_is_fetched(
    machine: SimulatedMachine,
) -> None:
    machine.configure("server")
    machine.boot()
    ours = [words for words in machine.systemd.commands if words[-1] == "ssh.service"]
    assert ours[1:] == [
        ["systemctl", "reset-failed", "ssh.service"],
        ["systemctl", "restart", "--no-block", "ssh.service"],
    ]
    assert (machine.root / "etc/ssh/ssh_host_ed25519_key.pub").read_text() == "ssh-ed25519 AAAA\n"


def test_a_machine_whose_unit_is_called_sshd_is_supported(machine: SimulatedMachine) -> None:
    machine.systemd.ssh_units = ("sshd.service",)
    machine.configure("server")
    assert machine.boot() == 0
    assert machine.systemd.restarts("sshd.service") == 1


def test_a_host_key_that_is_not_a_private_key_is_rejected(machine: SimulatedMachine) -> None:
    machine.parameters["/demo/host-key"] = "nonsense"
    machine.configure("server")
    assert machine.boot() == 1
    expected = "SSM parameter /demo/host-key is not an SSH private key"
    assert ("ssh", expected) == machine.cause()


def test_a_machine_without_sshd_is_named(machine: SimulatedMachine) -> None:
    machine.systemd.ssh_units = ()
    machine.configure("server")
    assert machine.boot() == 1
    expected = "this machine has neither ssh.service nor sshd.service"
    assert ("ssh", expected) == machine.cause()


def test_the_login_keys_are_in_the_file_that_sshd_reads(machine: SimulatedMachine) -> None:
    machine.configure("agent")
    before = os.umask(0o077)
    try:
        assert machine.boot() == 0
    finally:
        os.umask(before)
    keys = machine.root / "etc/ssh/k3s-aws/authorized_keys"
    assert keys.read_text() == LOGIN_KEY
    # sshd reads it as the user who logs in.
    assert keys.stat().st_mode & 0o777 == 0o644
    assert keys.parent.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("place", ["etc", "usr/lib"])
@pytest.mark.parametrize("unit", ["ssh.service", "sshd.service"])
def test_keys_of_instance_connect_do_not_log_in(
    machine: SimulatedMachine, place: str, unit: str
) -> None:
    machine.configure("agent")
    machine.boot()
    machine.systemd.commands.clear()
    name = f"systemd/system/{unit}.d/ec2-instance-connect.conf"
    drop_in = machine.root / place / name
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Service]\nExecStart=\nExecStart=/usr/sbin/sshd -D -o ...\n")
    assert machine.boot() == 0
    assert (machine.root / "etc" / name).read_text() == ""
    reload, restart = (
        ["systemctl", "daemon-reload"],
        ["systemctl", "restart", "--no-block", "ssh.service"],
    )
    assert reload in machine.systemd.commands[: machine.systemd.commands.index(restart)]
    assert machine.boot() == 0
    assert machine.systemd.restarts("ssh.service") == 1


def test_only_the_keys_that_the_boot_program_installs_can_log_in(
    machine: SimulatedMachine,
) -> None:
    machine.configure("agent")
    machine.boot()
    config = machine.root / "etc/ssh/sshd_config.d/10-k3s-aws.conf"
    assert set(config.read_text().splitlines()) == {
        "HostKey /etc/ssh/ssh_host_ed25519_key",
        "AuthenticationMethods publickey",
        "AuthorizedKeysFile /etc/ssh/k3s-aws/authorized_keys",
        "AuthorizedKeysCommand none",
        "PermitRootLogin no",
    }
    # A machine of an earlier release had another key.
    config.write_text("HostKey /etc/ssh/ssh_host_ed25519_key\n")
    restarts = machine.systemd.restarts("ssh.service")
    machine.boot()
    assert "AuthorizedKeysFile" in config.read_text()
    assert machine.systemd.restarts("ssh.service") == restarts + 1


@pytest.mark.parametrize("line", ["AuthorizedKeysFile", "AuthenticationMethods", "HostKey"])
def test_an_image_whose_sshd_has_other_settings_is_refused(
    machine: SimulatedMachine, line: str
) -> None:
    obeying = machine.systemd.sshd_config

    def differing() -> str:
        return "\n".join(
            each for each in obeying().split("\n") if not each.startswith(line.lower())
        )

    machine.systemd.sshd_config = differing
    machine.configure("agent")
    assert machine.boot() == 1
    phase, cause = machine.cause()
    assert phase == "ssh"
    assert cause.startswith(f"sshd does not use '{line} ")
    # It has no key of the image: nobody can log in.
    assert machine.systemd.restarts("ssh.service") == 0


def test_a_host_key_from_the_provider_replaces_the_previous_one(
    machine: SimulatedMachine,
) -> None:
    machine.configure("agent")
    machine.boot()
    restarts = machine.systemd.restarts("ssh.service")
    machine.change_secrets(hostKey=OTHER_HOST_KEY, authorizedKeys="ssh-ed25519 AAAAother demo")
    assert machine.boot() == 0
    assert (machine.root / "etc/ssh/ssh_host_ed25519_key").read_text() == OTHER_HOST_KEY
    keys = machine.root / "etc/ssh/k3s-aws/authorized_keys"
    assert keys.read_text() == "ssh-ed25519 AAAAother demo\n"
    assert machine.systemd.restarts("ssh.service") == restarts + 1
    assert machine.systemd.restarts("k3s-agent") == 1
