"""Where a machine's secrets come from, and what it does with others than it has."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

import pytest

from tests.cloud_init.authority import Authority
from tests.cloud_init.world import (
    AGENT_PASSWORD,
    HOST_KEY,
    LOGIN_KEY,
    SERVER_PASSWORD,
    World,
)

OTHER_HOST_KEY = HOST_KEY.replace("host-key-body", "other-host-key-body")


def left(world: World) -> dict[str, Any]:
    """What stands in the machine's secrets.json."""
    path = world.root / "etc/k3s-aws/secrets.json"
    assert path.stat().st_mode & 0o777 == 0o600
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def leave(world: World, **changes: str) -> None:
    """As the provider does."""
    path = world.root / "etc/k3s-aws/secrets.json"
    path.write_text(json.dumps({**left(world), **changes}))
    path.chmod(0o600)


def datastore(world: World, password: str = SERVER_PASSWORD) -> None:
    """k3s has run: it has its datastore, and notes the token that the datastore knows."""
    data = world.root / "var/lib/rancher/k3s/server"
    (data / "db").mkdir()
    (data / "token").write_text(f"K10ab::server:{password}\n")


def test_the_login_keys_are_the_ones_sshd_is_told_of(world: World) -> None:
    world.configure("agent")
    before = os.umask(0o077)
    try:
        assert world.boot() == 0
    finally:
        os.umask(before)
    keys = world.root / "etc/ssh/k3s-aws/authorized_keys"
    assert keys.read_text() == LOGIN_KEY
    # sshd reads it as the user who logs in.
    assert keys.stat().st_mode & 0o777 == 0o644
    assert keys.parent.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("place", ["etc", "usr/lib"])
@pytest.mark.parametrize("unit", ["ssh.service", "sshd.service"])
def test_instance_connect_no_longer_tells_sshd_who_may_log_in(
    world: World, place: str, unit: str
) -> None:
    world.configure("agent")
    world.boot()
    world.systemd.commands.clear()
    name = f"systemd/system/{unit}.d/ec2-instance-connect.conf"
    drop_in = world.root / place / name
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Service]\nExecStart=\nExecStart=/usr/sbin/sshd -D -o ...\n")
    assert world.boot() == 0
    assert (world.root / "etc" / name).read_text() == ""
    reload, restart = (
        ["systemctl", "daemon-reload"],
        ["systemctl", "restart", "--no-block", "ssh.service"],
    )
    assert reload in world.systemd.commands[: world.systemd.commands.index(restart)]
    assert world.boot() == 0
    assert world.systemd.restarts("ssh.service") == 1


def test_nobody_logs_in_but_with_the_keys_the_boot_program_installs(world: World) -> None:
    world.configure("agent")
    world.boot()
    config = world.root / "etc/ssh/sshd_config.d/10-k3s-aws.conf"
    assert set(config.read_text().splitlines()) == {
        "HostKey /etc/ssh/ssh_host_ed25519_key",
        "AuthenticationMethods publickey",
        "AuthorizedKeysFile /etc/ssh/k3s-aws/authorized_keys",
        "AuthorizedKeysCommand none",
        "PermitRootLogin no",
    }
    # A machine from before had another one.
    config.write_text("HostKey /etc/ssh/ssh_host_ed25519_key\n")
    restarts = world.systemd.restarts("ssh.service")
    world.boot()
    assert "AuthorizedKeysFile" in config.read_text()
    assert world.systemd.restarts("ssh.service") == restarts + 1


@pytest.mark.parametrize("role", ["server", "agent"])
def test_what_was_read_once_is_not_asked_of_ssm_again(world: World, role: str) -> None:
    world.configure(role)
    world.boot()
    assert set(left(world)) == {"hostKey", "authorizedKeys", "token"} | (
        {"agentToken"} if role == "server" else set()
    )
    world.asked_parameters.clear()
    # As for every machine whose node has joined.
    world.refusals = [(400, "AccessDeniedException")] * 100
    assert world.boot() == 0
    assert world.asked_parameters == []


def test_the_authority_is_asked_for_until_k3s_has_run(world: World) -> None:
    world.systemd.starts = False
    world.configure("server")
    for _ in range(2):
        world.asked_parameters.clear()
        world.boot()
        assert ["/demo/authority"] in world.asked_parameters
    assert "authority" not in left(world)
    world.systemd.starts = True
    world.boot()
    world.asked_parameters.clear()
    assert world.boot() == 0
    assert world.asked_parameters == []


def test_a_host_key_the_provider_left_takes_the_place_of_the_one_before(world: World) -> None:
    world.configure("agent")
    world.boot()
    restarts = world.systemd.restarts("ssh.service")
    leave(world, hostKey=OTHER_HOST_KEY, authorizedKeys="ssh-ed25519 AAAAother demo")
    assert world.boot() == 0
    assert (world.root / "etc/ssh/ssh_host_ed25519_key").read_text() == OTHER_HOST_KEY
    keys = world.root / "etc/ssh/k3s-aws/authorized_keys"
    assert keys.read_text() == "ssh-ed25519 AAAAother demo\n"
    assert world.systemd.restarts("ssh.service") == restarts + 1
    assert world.systemd.restarts("k3s-agent") == 1


OTHER = "another-password-0123456789"


def test_k3s_is_told_of_another_server_token_before_it_starts_with_it(world: World) -> None:
    world.configure("server")
    world.boot()
    datastore(world)
    told_at_start: list[list[str]] = []
    start = world.systemd.on_k3s_start

    def note_and_start() -> None:
        told_at_start.append([*world.told])
        start()

    world.systemd.on_k3s_start = note_and_start
    leave(world, token=OTHER)
    assert world.boot() == 0
    assert told_at_start == [[OTHER]]
    assert (world.root / "etc/rancher/k3s/token").read_text() == f"{OTHER}\n"
    assert world.server_password == OTHER
    assert world.systemd.restarts("k3s") == 2


def test_after_its_start_k3s_is_told_once_more_so_that_it_starts_again(world: World) -> None:
    """Another agent token stands in a file that k3s compares with its datastore at each start."""
    world.configure("server")
    world.boot()
    datastore(world)
    leave(world, agentToken=OTHER)
    assert world.boot() == 0
    assert world.told == [SERVER_PASSWORD]
    assert (world.root / "etc/rancher/k3s/agent-token").read_text() == f"{OTHER}\n"
    assert world.systemd.restarts("k3s") == 2
    world.told.clear()
    assert world.boot() == 0
    assert (world.told, world.systemd.restarts("k3s")) == ([], 2)


def test_a_change_of_tokens_that_was_cut_off_after_the_start_is_completed(world: World) -> None:
    world.configure("server")
    world.boot()
    datastore(world)
    leave(world, token=OTHER, agentToken=f"agents-{OTHER}")
    world.boot()
    # As if the power had gone before k3s was told again.
    (world.root / "var/lib/k3s-aws/tokens").unlink()
    (world.root / "var/lib/k3s-aws/running").unlink()
    world.told.clear()
    assert world.boot() == 0
    assert world.told == [OTHER]


def test_a_server_is_told_of_other_tokens_only_when_it_can_start_with_them(world: World) -> None:
    """Until its restart k3s takes the old one, which is nowhere else."""
    world.configure("server")
    world.boot()
    datastore(world)
    leave(world, token=OTHER)
    right = json.loads((world.root / "etc/k3s-aws/node.json").read_text())["k3s"]
    world.configure("server", k3s={**right, "sha256": "ab" * 32})
    assert world.boot() == 1
    assert world.cause()[0] == "download-k3s"
    assert world.told == []
    world.configure("server", k3s=right)
    assert world.boot() == 0, world.cause()
    assert world.server_password == OTHER


def test_a_change_of_tokens_that_k3s_was_told_of_and_not_started_with_is_completed(
    world: World,
) -> None:
    world.configure("server")
    world.boot()
    datastore(world)
    leave(world, token=OTHER)
    run = world.systemd.run

    def stop_short(words: Sequence[str]) -> tuple[int, str]:
        return (1, "") if words[1] == "restart" and words[-1] == "k3s" else run(words)

    world.systemd.run = stop_short  # type: ignore[method-assign]
    assert world.boot() == 1
    assert world.told == [OTHER]
    world.systemd.run = run  # type: ignore[method-assign]
    assert world.boot() == 0, world.cause()
    assert world.server_password == OTHER


def test_passwords_the_datastore_was_not_told_of_are_gone_before_k3s_starts(world: World) -> None:
    world.configure("server")
    world.boot()
    datastore(world)
    passwords = world.root / "var/lib/rancher/k3s/server/cred/passwd"
    passwords.parent.mkdir()
    there_at_start: list[bool] = []
    start = world.systemd.on_k3s_start

    def note_and_start() -> None:
        there_at_start.append(passwords.exists())
        start()
        passwords.touch()

    world.systemd.on_k3s_start = note_and_start
    leave(world, agentToken=OTHER)
    passwords.touch()
    assert world.boot() == 0
    # Another start, for another reason, leaves them where they are.
    world.configure("server", config={"node-ip": "10.64.0.11"})
    assert world.boot() == 0
    assert there_at_start == [False, True]


def test_a_k3s_that_falls_over_is_not_started_while_its_passwords_go(world: World) -> None:
    world.configure("server")
    world.boot()
    datastore(world)
    passwords = world.root / "var/lib/rancher/k3s/server/cred/passwd"
    passwords.parent.mkdir()
    run, there_at_stop = world.systemd.run, []

    def note(words: Sequence[str]) -> tuple[int, str]:
        if words[1:] == ["stop", "k3s"]:
            there_at_stop.append(passwords.exists())
        return run(words)

    world.systemd.run = note  # type: ignore[method-assign]
    passwords.touch()
    leave(world, agentToken=OTHER)
    assert world.boot() == 0
    # One that runs has them in its memory, and serves until it is started again.
    assert there_at_stop == []
    passwords.touch()
    leave(world, agentToken="a-third-0123456789")
    world.systemd.active.clear()
    world.systemd.activating_polls = 20
    assert world.boot() == 0
    assert there_at_stop == [True]


def test_a_change_of_tokens_that_was_cut_off_before_the_start_is_completed(world: World) -> None:
    """k3s was told and went down: with the old token it does not start any more."""
    world.configure("server")
    world.boot()
    datastore(world, OTHER)
    leave(world, token=OTHER)
    world.systemd.active.clear()
    world.systemd.activating_polls = 20
    world.server_password = "nobody answers"
    assert world.boot() == 0, world.cause()
    assert (world.root / "etc/rancher/k3s/token").read_text() == f"{OTHER}\n"
    assert world.told == [OTHER]


def test_a_token_k3s_will_not_change_is_the_cause_and_the_old_one_stays(world: World) -> None:
    world.configure("server")
    world.boot()
    datastore(world)
    world.server_password = "somebody-else-was-here"
    leave(world, token=OTHER)
    assert world.boot() == 1
    assert world.cause() == ("start-k3s", "k3s refused the token it was started with")
    assert (world.root / "etc/rancher/k3s/token").read_text() == world.server_token + "\n"


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (403, "k3s refused the token it was started with"),
        (400, "k3s answered 400 to the server token"),
    ],
)
def test_what_k3s_goes_on_answering_to_a_token_is_the_cause_long_before_the_deadline(
    world: World, status: int, cause: str
) -> None:
    world.configure("server")
    world.boot()
    datastore(world)
    leave(world, token=OTHER)
    world.token_answers = [status] * 100
    assert world.boot() == 1
    assert world.cause() == ("start-k3s", cause)


def test_a_k3s_that_is_in_trouble_is_told_when_it_is_out_of_it(world: World) -> None:
    world.configure("server")
    world.boot()
    datastore(world)
    leave(world, token=OTHER)
    # Every half second: longer than a refusal is borne with.
    world.token_answers = [503] * 30
    assert world.boot() == 0, world.cause()
    assert world.told == [OTHER, OTHER]


def test_who_only_answers_in_place_of_k3s_never_sees_a_token(
    world: World, other_authority: Authority
) -> None:
    world.configure("server", deadlineSeconds=5)
    world.boot()
    datastore(world)
    leave(world, token=OTHER)
    impostor = World(world.root, other_authority)
    world.server_url = impostor.server_url
    try:
        assert world.boot() == 1
    finally:
        impostor.close()
    assert impostor.sent_to_server == []
    assert "CERTIFICATE_VERIFY_FAILED" in world.cause()[1]


def test_a_server_whose_first_start_failed_is_not_waited_for_before_its_second(
    world: World,
) -> None:
    world.systemd.starts = False
    world.configure("server")
    world.boot()
    datastore(world)
    # Until it is started again it does not answer.
    world.systemd.starts, world.systemd.activating_polls = True, 20
    world.server_password = "nobody"
    assert world.boot() == 0, world.cause()


def test_a_new_cluster_needs_not_be_told_of_its_tokens(world: World) -> None:
    world.configure("server")
    world.boot()
    leave(world, token=OTHER)
    assert world.boot() == 0
    assert world.told == []


def test_an_agent_takes_another_token_without_a_restart(world: World) -> None:
    world.configure("agent")
    world.boot()
    other = world.agent_token.replace(AGENT_PASSWORD, "another-password-0123456789")
    leave(world, token=other)
    assert world.boot() == 0
    assert (world.root / "etc/rancher/k3s/token").read_text() == other + "\n"
    assert world.systemd.restarts("k3s-agent") == 1


def test_nothing_updates_the_machine_by_itself(world: World) -> None:
    world.configure("agent")
    world.boot()
    (masked,) = [words for words in world.systemd.commands if words[1:2] == ["mask"]]
    assert masked[:4] == ["systemctl", "mask", "--now", "--no-block"]
    assert {"apt-daily-upgrade.timer", "unattended-upgrades.service"} <= set(masked)


@pytest.mark.parametrize("has_snaps", [True, False])
def test_snaps_are_held_where_there_are_some(world: World, has_snaps: bool) -> None:
    if has_snaps:
        (world.root / "usr/bin").mkdir(parents=True, exist_ok=True)
        (world.root / "usr/bin/snap").touch()
    world.configure("agent")
    assert world.boot() == 0
    held = [words for words in world.systemd.commands if "snap" in words]
    hold = ["systemd-run", "--no-block", "snap", "refresh", "--hold"]
    assert held == ([hold] if has_snaps else [])


def test_what_was_kept_before_is_not_shown_either(world: World) -> None:
    world.configure("server")
    world.boot()
    datastore(world)
    agents = "agents-password-9876543210"
    leave(world, token=OTHER, agentToken=agents, hostKey=OTHER_HOST_KEY)
    world.systemd.starts = False
    world.systemd.journal = [f"level=fatal {OTHER} {agents} other-host-key-body"]
    world.boot()
    assert world.cause()[1].endswith("level=fatal [secret] [secret] [secret]")
    shown = "\n".join(
        [json.dumps(world.report), *world.said, *map(" ".join, world.systemd.commands)]
    )
    assert [each for each in (OTHER, agents, "other-host-key-body") if each in shown] == []
