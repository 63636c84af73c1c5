"""
Checks the arguments of Kubernetes' components that are right alone, and stop k3s together.

From pkg/kubelet/eviction/helpers.go, pkg/kubelet/cm, pkg/kubelet/apis/config/validation,
pkg/kubeapiserver/options/authentication.go, component-base/config/validation and client-go's leader
election of Kubernetes, and server/embed/config.go of etcd.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction

from cluster import quantities, reservations
from cluster.errors import Kind
from cluster.reading import component_arguments
from cluster.reading.faults import Fault
from cluster.reading.k3s_values import seconds
from cluster.reading.settings import Setting
from cluster.spec import ClusterSpec

# What k3s sets, in pkg/etcd/etcd.go, and what the others take by themselves.
_HEARTBEAT, _ELECTION = 500, 5000
_LEASE, _RENEWAL, _RETRY = 15.0, 10.0, 2.0
# Of client-go's leader election.
_JITTER = 1.2
_GRACE = "eviction-soft-grace-period"
# Of each NUMA node, such as `0:memory=1Gi,hugepages-2Mi=1Gi;1:memory=2Gi`.
_MEMORY = re.compile(r"[:,]memory=([^,;]+)")
_OFF = ("false", "False", "FALSE", "f", "F", "0")
# The versions of the API that k3s's parts and the program call.
_CALLED = frozenset({
    "api/all", "api/ga", "v1", "/v1", "api/v1", "apps/v1", "authentication.k8s.io/v1",
    "authorization.k8s.io/v1", "batch/v1", "certificates.k8s.io/v1", "coordination.k8s.io/v1",
    "discovery.k8s.io/v1", "networking.k8s.io/v1", "rbac.authorization.k8s.io/v1",
    "scheduling.k8s.io/v1", "storage.k8s.io/v1",
})  # fmt: skip
_SIGNING = ("certificatesigningrequest-signing-controller", "csrsigning")
_RANGES = ("node-ipam-controller", "nodeipam")


def check(spec: ClusterSpec, settings: Sequence[Setting]) -> None:
    """Reports the arguments of each key of k3s that do not go together."""
    for setting in settings:
        for find in _FAULTS.get(setting.name, ()):
            for fault in find(setting):
                setting.report(fault)
        if setting.name == "kube-controller-manager-arg":
            for fault in _controllers(setting, spec):
                setting.report(fault)


def _together(setting: Setting, name: str) -> list[str]:
    """The parts of a list, which may be in several arguments."""
    found = (each.value or "" for each in setting.arguments if each.name == name)
    return [part.strip() for value in found for part in value.split(",") if part.strip()]


def _eviction(setting: Setting) -> Iterator[Fault]:
    periods = {each.partition("=")[0].strip() for each in _together(setting, _GRACE)}
    for each in _together(setting, "eviction-soft"):
        signal = each.partition("<")[0].strip()
        if signal not in periods:
            what = f"eviction-soft has {signal}, and {_GRACE} does not"
            yield Fault(what, f"write {_GRACE}={signal}=1m30s too", Kind.CONFLICT)


def _cpu_manager(setting: Setting) -> Iterator[Fault]:
    reserved = [
        quantities.by_name(",".join(_together(setting, name))).get("cpu", 0)
        for name in ("kube-reserved", "system-reserved")
    ]
    cpus = setting.argument("reserved-cpus")
    if setting.argument("cpu-manager-policy") == "static" and not (any(reserved) or cpus):
        what = "cpu-manager-policy=static needs CPU that no pod gets"
        yield Fault(what, "write kube-reserved=cpu=500m, or reserved-cpus=0", Kind.CONFLICT)


def _memory_manager(setting: Setting) -> Iterator[Fault]:
    if setting.argument("memory-manager-policy") != "Static":
        return
    kept = reservations.reserved(setting.arguments, "memory", Fraction(0))
    # One argument after another adds to it.
    value = ";".join(f":{each}" for each in _together(setting, "reserved-memory"))
    given = [quantities.parse(each) for each in _MEMORY.findall(value)]
    # A part of the machine's memory, which nothing here has.
    shares = any(
        "memory.available" in each and "%" in each for each in _together(setting, "eviction-hard")
    )
    if given and (None in given or shares or sum(filter(None, given)) == kept):
        return
    fix = (
        "write reserved-memory=0:memory= and the sum of the memory of kube-reserved, "
        "system-reserved and eviction-hard, which must not be 0"
    )
    what = "memory-manager-policy=Static needs reserved-memory"
    if given:
        what = f"{what} of exactly what the kubelet keeps from pods"
    yield Fault(what, fix, Kind.CONFLICT)


def _enforced(setting: Setting) -> Iterator[Fault]:
    for each in _together(setting, "enforce-node-allocatable"):
        cgroup = f"{each.removesuffix('-compressible')}-cgroup"
        if "-reserved" in each and not setting.argument(cgroup):
            what = f"enforce-node-allocatable has {each}, which needs {cgroup}"
            yield Fault(what, f"set {cgroup}, or leave {each} out", Kind.CONFLICT)
    for cgroup in ("kube-reserved-cgroup", "system-reserved-cgroup"):
        if setting.argument("reserved-cpus") and setting.argument(cgroup):
            what = f"the kubelet does not start with both reserved-cpus and {cgroup}"
            yield Fault(what, "remove one of them", Kind.CONFLICT)


def _oidc(setting: Setting) -> Iterator[Fault]:
    names = [each.name for each in setting.arguments if each.name.startswith("oidc-")]
    for needed in ("oidc-issuer-url", "oidc-client-id"):
        if names and not setting.argument(needed):
            yield Fault(f"{names[0]} needs {needed}", f"set {needed} too", Kind.CONFLICT)


def _apis(setting: Setting) -> Iterator[Fault]:
    for each in _together(setting, "runtime-config"):
        name, _, value = (part.strip() for part in each.partition("="))
        if name in _CALLED and value in _OFF:
            what = f"runtime-config={name}={value} switches off what k3s and the program call"
            yield Fault(what, "leave it on", Kind.FORBIDDEN)


def _etcd(setting: Setting) -> Iterator[Fault]:
    beat = _milliseconds(setting.argument("heartbeat-interval"), _HEARTBEAT)
    election = _milliseconds(setting.argument("election-timeout"), _ELECTION)
    if beat is None or election is None or election >= 5 * beat:
        return
    what = f"election-timeout {election} must be at least 5 times heartbeat-interval {beat}"
    yield Fault(what, f"write election-timeout={5 * beat}, or more", Kind.CONFLICT)


def _milliseconds(text: str | None, default: int) -> int | None:
    if text is None:
        return default
    return int(text) if component_arguments.INTEGER.fullmatch(text) else None


def _leader(setting: Setting) -> Iterator[Fault]:
    if setting.argument("leader-elect") in _OFF:
        return
    lease = _duration(setting, "leader-elect-lease-duration", _LEASE)
    renewal = _duration(setting, "leader-elect-renew-deadline", _RENEWAL)
    retry = _duration(setting, "leader-elect-retry-period", _RETRY)
    fix = "write leader-elect-lease-duration=15s, leader-elect-renew-deadline=10s"
    if lease <= renewal:
        what = "leader-elect-lease-duration must be more than leader-elect-renew-deadline"
        yield Fault(f"{what}, {lease:g}s is not more than {renewal:g}s", fix, Kind.CONFLICT)
    if renewal <= _JITTER * retry:
        what = "leader-elect-renew-deadline must be more than 1.2 times leader-elect-retry-period"
        yield Fault(
            f"{what}, {renewal:g}s is not more than 1.2 times {retry:g}s",
            f"{fix}, leader-elect-retry-period=2s",
            Kind.CONFLICT,
        )


def _duration(setting: Setting, name: str, default: float) -> float:
    text = setting.argument(name)
    found = None if text is None else 0.0 if text.lstrip("+") == "0" else seconds(text)
    return default if found is None else found


def _controllers(setting: Setting, spec: ClusterSpec) -> Iterator[Fault]:
    listed = _together(setting, "controllers")
    added = all(each.adds for each in setting.arguments if each.name == "controllers")
    # k3s's own value, which has all of them.
    listed = ["*", *listed] if added else listed
    if spec.identities and not _is_on(_SIGNING, listed):
        what = f"controllers switches {_SIGNING[0]} off, which signs the identities' certificates"
        yield Fault(what, "leave it on", Kind.FORBIDDEN)
    if spec.k3s.flannel_backend != "none" and not _is_on(_RANGES, listed):
        what = f"controllers switches {_RANGES[0]} off, and no node would get a range for its pods"
        yield Fault(what, "leave it on", Kind.FORBIDDEN)


def _is_on(names: Sequence[str], listed: Sequence[str]) -> bool:
    """As IsControllerEnabled in controller-manager/app/helper.go: the first of its names counts."""
    own = next((each for each in listed if each.removeprefix("-") in names), None)
    return not own.startswith("-") if own else "*" in listed


_FAULTS: Mapping[str, Sequence[Callable[[Setting], Iterator[Fault]]]] = {
    "etcd-arg": (_etcd,),
    "kube-apiserver-arg": (_oidc, _apis),
    "kube-cloud-controller-manager-arg": (_leader,),
    "kube-controller-manager-arg": (_leader,),
    "kube-scheduler-arg": (_leader,),
    "kubelet-arg": (_eviction, _cpu_manager, _memory_manager, _enforced),
}
