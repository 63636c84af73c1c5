"""The reconciler: makes the machines of this host follow what the API says."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from localcloud.cloud.view import InstanceFacts, View
from localcloud.errors import MachineError
from localcloud.machines import Ingress, MachineSpec

log = logging.getLogger("localcloud.reconciler")

AT_ONCE = 8
# What nobody announced, such as a machine that ended by itself, is found at the next round.
ROUND_SECONDS = 5.0
# A machine's address is free only when the one that had it before is gone.
RETRIES = 3
RETRY_SECONDS = 1.0


class Host(Protocol):
    """The machines, as the reconciler uses them (localcloud.machines.Machines)."""

    def create(self, spec: MachineSpec) -> None: ...
    def start(self, instance_id: str) -> None: ...
    def stop(self, instance_id: str, grace_seconds: int = 10) -> None: ...
    def remove(self, instance_id: str) -> None: ...
    def running(self) -> dict[str, int]: ...
    def all(self) -> set[str]: ...
    def admit(self, instance_id: str, rules: list[Ingress]) -> None: ...
    def publish(self, addresses: Mapping[str, str]) -> None: ...


class Services(Protocol):
    """The servers inside the machines' namespaces."""

    def open(self, instance_id: str) -> None: ...
    def close(self, instance_id: str) -> None: ...


@dataclass
class Applied:
    """What was last brought onto the host, so that only changes are."""

    ingress: dict[str, list[Ingress]] = field(default_factory=dict)
    elastic_ips: dict[str, str] = field(default_factory=dict)
    pids: dict[str, int] = field(default_factory=dict)
    reboots: set[str] = field(default_factory=set)


class Reconciler:
    """One thread that compares and a pool that acts; `wake` it after each change."""

    def __init__(
        self,
        view: View,
        host: Host,
        services: Services,
        spec: Callable[[InstanceFacts], MachineSpec],
    ) -> None:
        self._view, self._host, self._services, self._spec = view, host, services, spec
        self._applied = Applied()
        self._changed = threading.Event()
        self._ended = threading.Event()
        self._round = threading.Lock()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="machine")
        self._busy: dict[str, Future[None]] = {}
        self._thread = threading.Thread(target=self._loop, name="reconciler", daemon=True)

    def run(self) -> None:
        """Starts reconciling."""
        self._thread.start()

    def wake(self) -> None:
        """Says that the API's state may have changed."""
        self._changed.set()

    def reboot(self, instance_id: str) -> None:
        """Asks for one restart of the machine."""
        self._applied.reboots.add(instance_id)
        self.wake()

    def end(self) -> None:
        """Stops; what is under way is finished first."""
        self._ended.set()
        self._changed.set()
        self._thread.join(timeout=30)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _loop(self) -> None:
        while not self._ended.is_set():
            self._changed.wait(ROUND_SECONDS)
            self._changed.clear()
            try:
                self.reconcile()
            except Exception:
                log.exception("a round of the reconciler failed")

    def reconcile(self) -> None:
        """One round: starts what is due in the pool and waits for nothing but the tables."""
        with self._round:
            wanted = {each.instance_id: each for each in self._view.instances()}
            present, running = self._host.all(), self._host.running()
            self._busy = {key: job for key, job in self._busy.items() if not job.done()}
            for instance_id in {*wanted, *present} - set(self._busy):
                action = self._due(instance_id, wanted.get(instance_id), present, running)
                if action:
                    self._busy[instance_id] = self._pool.submit(self._do, instance_id, action)
            self._admit(wanted, running)
            self._publish()

    def _due(
        self,
        instance_id: str,
        facts: InstanceFacts | None,
        present: set[str],
        running: dict[str, int],
    ) -> Callable[[], None] | None:
        if facts is None:
            return lambda: self._remove(instance_id)
        if facts.state in ("pending", "running"):
            if instance_id not in running:
                return lambda: self._boot(facts, create=instance_id not in present)
            if instance_id in self._applied.reboots:
                self._applied.reboots.discard(instance_id)
                return lambda: self._restart(facts)
            if self._applied.pids.get(instance_id) != running[instance_id]:
                return lambda: self._serve(facts)
            return None
        return (lambda: self._stop(instance_id)) if instance_id in running else None

    def _do(self, instance_id: str, action: Callable[[], None]) -> None:
        try:
            action()
        except MachineError as error:
            log.error("%s: %s", instance_id, error)
            self._view.fail(instance_id, str(error).splitlines()[0])
        except Exception:
            log.exception("%s: unexpected", instance_id)
        finally:
            self.wake()

    def _boot(self, facts: InstanceFacts, *, create: bool) -> None:
        for attempt in range(RETRIES):
            try:
                if create:
                    self._host.create(self._spec(facts))
                self._host.start(facts.instance_id)
                break
            except MachineError as error:
                if attempt == RETRIES - 1:
                    raise
                log.warning("%s: %s; trying again", facts.instance_id, error)
                self._host.remove(facts.instance_id) if create else None
                time.sleep(RETRY_SECONDS)
        log.info("%s: started at %s", facts.instance_id, facts.private_ip)
        self._serve(facts)

    def _serve(self, facts: InstanceFacts) -> None:
        """Filter first, services after: systemd starts when the metadata service is there."""
        rules = self._view.ingress(facts)
        self._host.admit(facts.instance_id, rules)
        self._applied.ingress[facts.instance_id] = rules
        self._services.close(facts.instance_id)
        self._services.open(facts.instance_id)
        self._applied.pids[facts.instance_id] = self._host.running()[facts.instance_id]
        self._view.started(facts.instance_id)

    def _restart(self, facts: InstanceFacts) -> None:
        self._stop(facts.instance_id)
        self._boot(facts, create=False)

    def _stop(self, instance_id: str) -> None:
        self._host.stop(instance_id)
        self._forget(instance_id)
        log.info("%s: stopped", instance_id)

    def _remove(self, instance_id: str) -> None:
        self._host.remove(instance_id)
        self._forget(instance_id)
        log.info("%s: removed", instance_id)

    def _forget(self, instance_id: str) -> None:
        self._services.close(instance_id)
        self._applied.ingress.pop(instance_id, None)
        self._applied.pids.pop(instance_id, None)

    def _admit(self, wanted: Mapping[str, InstanceFacts], running: dict[str, int]) -> None:
        for instance_id, facts in wanted.items():
            served = self._applied.pids.get(instance_id)
            if instance_id in self._busy or served is None or running.get(instance_id) != served:
                continue
            rules = self._view.ingress(facts)
            if rules != self._applied.ingress.get(instance_id):
                self._host.admit(instance_id, rules)
                self._applied.ingress[instance_id] = rules

    def _publish(self) -> None:
        addresses = self._view.elastic_ips()
        if addresses != self._applied.elastic_ips:
            self._host.publish(addresses)
            self._applied.elastic_ips = addresses
