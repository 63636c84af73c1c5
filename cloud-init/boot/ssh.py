"""sshd: its one host key, and the keys that may log in."""

from __future__ import annotations

from boot import files, secrets, systemd
from boot.machine import Machine
from boot.waiting import BootError

# Keys in a home, of an EC2 key pair or of Instance Connect are not accepted.
CONFIG = """\
HostKey /etc/ssh/ssh_host_ed25519_key
AuthenticationMethods publickey
AuthorizedKeysFile /etc/ssh/k3s-aws/authorized_keys
AuthorizedKeysCommand none
PermitRootLogin no
"""
UNITS = ("ssh.service", "sshd.service")


def install(machine: Machine) -> None:
    """
    Writes the host key and the login keys, and restarts sshd where its own files changed.

    sshd has no host key before, so no client ever receives another host key.
    """
    found = secrets.load(machine, ("hostKey", "authorizedKeys"))
    allowed = machine.path("etc/ssh/k3s-aws/authorized_keys")
    files.write(allowed, found["authorizedKeys"].strip() + "\n", 0o644)
    # sshd reads it as the user who logs in, whatever the umask was here.
    allowed.parent.chmod(0o755)
    key = found["hostKey"].strip() + "\n"
    path = machine.path("etc/ssh/ssh_host_ed25519_key")
    config = machine.path("etc/ssh/sshd_config.d/10-k3s-aws.conf")
    masked = mask_instance_connect(machine)
    if not masked and files.read(path) == key and files.read(config) == CONFIG:
        return
    files.write(config, CONFIG, 0o644)
    files.write(path, key, 0o600)
    code, public = machine.environment.run(["ssh-keygen", "-y", "-f", str(path)])
    if code != 0:
        name = machine.node.parameters["hostKey"]
        raise BootError(f"SSM parameter {name} is not an SSH private key")
    files.write(path.with_suffix(".pub"), public, 0o644)
    _require_config(machine)
    restart(machine)


def _require_config(machine: Machine) -> None:
    """Raises BootError where sshd takes another value, as the sshd_config of an image may have."""
    # Without this folder, which its unit makes, sshd prints nothing.
    machine.path("run/sshd").mkdir(exist_ok=True)
    effective = machine.environment.run(["/usr/sbin/sshd", "-T"])[1].lower()
    for line in CONFIG.splitlines():
        if line.lower() + "\n" not in effective:
            raise BootError(f"sshd does not use '{line}' of /etc/ssh/sshd_config.d")


def restart(machine: Machine) -> None:
    """Restarts sshd, whatever its unit is called here."""
    for unit in UNITS:
        if systemd.unit_state(machine, unit)["LoadState"] == "loaded":
            # Without a key it may have failed so often that systemd refuses to start it.
            machine.environment.run(["systemctl", "reset-failed", unit])
            # In the first boot it starts after cloud-init has made the login user.
            machine.environment.run(["systemctl", "restart", "--no-block", unit])
            return
    raise BootError("this machine has neither ssh.service nor sshd.service")


def mask_instance_connect(machine: Machine) -> bool:
    """
    Whether a drop-in of Instance Connect was masked, which starts sshd with another source of keys
    that counts before any file.

    https://github.com/aws/aws-ec2-instance-connect-config
    """
    masked = False
    for unit in UNITS:
        name = f"systemd/system/{unit}.d/ec2-instance-connect.conf"
        # One of the same name in /etc takes its place.
        mask = machine.path(f"etc/{name}")
        in_image = machine.path(f"usr/lib/{name}").exists() and not mask.exists()
        if files.read(mask) or in_image:
            files.write(mask, "", 0o644)
            masked = True
    if masked:
        systemd.systemctl(machine, "daemon-reload")
    return masked
