"""The reconciler: changes the machines of this host until they match the API."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from localcloud.attachments import Attachments
from localcloud.aws_api.instance_states import InstanceStates
from localcloud.aws_api.instances import Ec2Instance
from localcloud.aws_api.moto_state import MotoState
from localcloud.errors import MachineError
from localcloud.jobs import Jobs
from localcloud.machines import Ingress, MachineSpec
from localcloud.machines.host import Host

log = logging.getLogger("localcloud.reconciler")

# A machine's address is free only when the one that had it before is gone.
RETRIES = 3


class Services(Protocol):
    """The servers inside the machines' namespaces."""

    def open(self, instance_id: str) -> None: ...
    def close(self, instance_id: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long the reconciler rests."""

    # What nobody announced, such as a machine that ended by itself, is found at the next round.
    round_seconds: float = 5.0
    retry_seconds: float = 1.0


@dataclass
class Applied:
    """What was last brought onto the host, so that only changes are."""

    ingress: dict[str, list[Ingress]] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    pids: dict[str, int] = field(default_factory=dict)
    reboots: set[str] = field(default_factory=set)
    never_ran: dict[str, str] = field(default_factory=dict)


class Reconciler:
    """One thread that compares and a pool that acts; `wake` it after each change."""

    def __init__(
        self,
        state: MotoState,
        states: InstanceStates,
        host: Host,
        services: Services,
        attachments: Attachments,
        spec: Callable[[Ec2Instance], MachineSpec],
        pace: Pace,
    ) -> None:
        self._state, self._states, self._host = state, states, host
        self._services, self._spec, self._pace = services, spec, pace
        self._attachments = attachments
        self._applied = Applied()
        self._changed = threading.Event()
        self._ended = threading.Event()
        self._round = threading.Lock()
        self._jobs = Jobs(after=self.wake)
        self._thread = threading.Thread(target=self._loop, name="reconciler", daemon=True)

    def run(self) -> None:
        """Starts reconciling."""
        self._thread.start()

    def wake(self) -> None:
        """Starts a round: the API's state may have changed."""
        self._changed.set()

    def reboot(self, instance_id: str) -> None:
        """Asks for one restart of the machine."""
        self._applied.reboots.add(instance_id)
        self.wake()

    @property
    def failures(self) -> dict[str, str]:
        """What went wrong with each machine or volume that is not where it should be."""
        return {**self._applied.never_ran, **self._jobs.failures}

    def end(self) -> None:
        """Stops; what is under way is finished first."""
        self._ended.set()
        self._changed.set()
        self._thread.join(timeout=30)
        self._jobs.end()

    def _loop(self) -> None:
        while not self._ended.is_set():
            self._changed.wait(self._pace.round_seconds)
            self._changed.clear()
            try:
                self.reconcile()
            except Exception:
                log.exception("a round of the reconciler failed")

    def reconcile(self) -> None:
        """One round: starts what is due in the pool and waits for nothing but the tables."""
        with self._round:
            # First: the tables below may not show yet what ends meanwhile.
            self._jobs.forget_ended()
            wanted = {each.instance_id: each for each in self._state.instances()}
            present, running = self._host.all(), self._host.running()
            every = {*wanted, *present, *self._states.ending()}
            for instance_id in every - self._jobs.under_way:
                instance = wanted.get(instance_id)
                action = self._due(instance_id, instance, present, running)
                if action:
                    self._jobs.submit(instance_id, action)
                else:
                    self._settle(instance_id, instance)
            served = self._served(running)
            for volume_id, move in self._attachments.due(served, self._jobs.under_way):
                self._jobs.submit(volume_id, move)
            self._admit(wanted, running)
            self._publish()

    def _due(
        self,
        instance_id: str,
        instance: Ec2Instance | None,
        present: set[str],
        running: dict[str, int],
    ) -> Callable[[], None] | None:
        if instance is None:
            return (lambda: self._remove(instance_id)) if instance_id in present else None
        if instance.state in ("pending", "running"):
            if instance_id not in running:
                return lambda: self._come_up(instance, create=instance_id not in present)
            if instance_id in self._applied.reboots:
                self._applied.reboots.discard(instance_id)
                return lambda: self._restart(instance)
            if self._applied.pids.get(instance_id) != running[instance_id]:
                return lambda: self._serve(instance)
            return None
        return (lambda: self._stop(instance_id)) if instance_id in running else None

    def _settle(self, instance_id: str, instance: Ec2Instance | None) -> None:
        """Lets the API report the state that the machine has reached."""
        if instance is None:
            self._states.reached(instance_id, "terminated")
        elif instance.state in ("pending", "running"):
            self._states.reached(instance_id, "running")
        else:
            self._states.reached(instance_id, "stopped")

    def _served(self, running: Mapping[str, int]) -> dict[str, int]:
        """The machines of `running` whose services are there."""
        pids = self._applied.pids
        return {each: pid for each, pid in running.items() if pids.get(each) == pid}

    def _come_up(self, instance: Ec2Instance, *, create: bool) -> None:
        """Boots the machine, or lets its instance end where it was switched off from inside."""
        ran = instance.state == "running" and instance.instance_id in self._applied.pids
        if not (ran and self._host.powered_off(instance.instance_id)):
            self._boot(instance, create=create)
            return
        self._close(instance.instance_id)
        self._states.shut_down(instance.instance_id)
        log.info("%s: shut itself down", instance.instance_id)

    def _boot(self, instance: Ec2Instance, *, create: bool) -> None:
        """Starts the machine; when that fails the instance goes back to where it came from."""
        for attempt in range(1, RETRIES + 1):
            try:
                if create:
                    self._host.create(self._spec(instance))
                self._host.start(instance.instance_id)
                self._serve(instance)
                break
            except Exception as error:
                if attempt == RETRIES or not isinstance(error, MachineError):
                    self._states.failed(instance.instance_id, str(error).splitlines()[0])
                    self._applied.never_ran[instance.instance_id] = str(error)
                    self.wake()
                    raise
                log.warning("%s: %s; trying again", instance.instance_id, error)
                if create:
                    self._host.remove(instance.instance_id)
                time.sleep(self._pace.retry_seconds)
        self._applied.never_ran.pop(instance.instance_id, None)
        log.info("%s: started at %s", instance.instance_id, instance.private_ip)

    def _serve(self, instance: Ec2Instance) -> None:
        """Services last: systemd starts when the metadata service is there."""
        pid = self._host.running()[instance.instance_id]
        self._attachments.provide(instance.instance_id, pid)
        rules = self._state.ingress(instance)
        self._host.admit(instance.instance_id, rules)
        self._applied.ingress[instance.instance_id] = rules
        self._services.close(instance.instance_id)
        self._services.open(instance.instance_id)
        self._applied.pids[instance.instance_id] = pid
        self._states.reached(instance.instance_id, "running")

    def _restart(self, instance: Ec2Instance) -> None:
        self._stop(instance.instance_id)
        self._boot(instance, create=False)

    def _stop(self, instance_id: str) -> None:
        self._host.stop(instance_id)
        self._close(instance_id)
        log.info("%s: stopped", instance_id)

    def _remove(self, instance_id: str) -> None:
        # Its programs may still end in order.
        self._host.stop(instance_id)
        self._host.remove(instance_id)
        self._close(instance_id)
        self._applied.reboots.discard(instance_id)
        log.info("%s: removed", instance_id)

    def _close(self, instance_id: str) -> None:
        self._services.close(instance_id)
        self._applied.ingress.pop(instance_id, None)
        self._applied.pids.pop(instance_id, None)

    def _admit(self, wanted: Mapping[str, Ec2Instance], running: dict[str, int]) -> None:
        for instance_id in self._served(running).keys() & wanted.keys() - self._jobs.under_way:
            instance = wanted[instance_id]
            rules = self._state.ingress(instance)
            if rules != self._applied.ingress.get(instance_id):
                try:
                    self._host.admit(instance_id, rules)
                except MachineError as error:
                    # It may have ended a moment ago; the next round sees.
                    log.warning("%s: %s", instance_id, error)
                    continue
                self._applied.ingress[instance_id] = rules

    def _publish(self) -> None:
        addresses = self._state.public_addresses()
        if addresses != self._applied.addresses:
            self._host.publish(addresses)
            self._applied.addresses = addresses
