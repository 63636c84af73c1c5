"""Fetching k3s when the network or a download place misbehaves."""

from __future__ import annotations

import hashlib

import pytest

from tests.cloud_init.world import K3S, Download, World

SHA256 = hashlib.sha256(K3S).hexdigest()


def use(world: World, **places: Download) -> None:
    """Makes the node fetch k3s from these places, in order."""
    world.downloads = {f"/{name}/k3s": place for name, place in places.items()}
    sources = [world.url + path for path in world.downloads]
    world.configure("server", k3s={"version": "v1", "sources": sources, "sha256": SHA256})


def use_bucket(world: World, *sources: str) -> None:
    """Makes the node fetch k3s from these sources, some in a bucket; each serves what it is."""
    world.downloads = {"/good/k3s": Download(), "/wrong/k3s": Download(b"wrong")}
    files = {"good": K3S, "wrong": b"wrong", "worse": b"worse"}
    world.objects = {f"/the-bucket/{name}/k3s": content for name, content in files.items()}
    world.configure("server", k3s={"version": "v1", "sources": sources, "sha256": SHA256})


def installed(world: World) -> bytes:
    return (world.root / "usr/local/bin/k3s").read_bytes()


def test_a_broken_download_is_resumed_where_it_stopped(world: World) -> None:
    place = Download(cuts=[300_000, 700_000])
    use(world, place=place)
    assert world.boot() == 0
    assert place.ranges == [None, "bytes=300000-", "bytes=700000-"]
    assert installed(world) == K3S


def test_a_place_that_cannot_resume_sends_the_whole_file_again(world: World) -> None:
    place = Download(cuts=[300_000], resumable=False)
    use(world, place=place)
    assert world.boot() == 0
    assert place.ranges == [None, "bytes=300000-"]
    assert installed(world) == K3S


def test_a_rest_of_another_file_is_thrown_away(world: World) -> None:
    part = world.root / "usr/local/bin/.k3s.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"of an older version")
    place = Download()
    use(world, place=place)
    assert world.boot() == 0
    assert place.ranges == ["bytes=19-", None]
    assert installed(world) == K3S


def test_a_rest_longer_than_the_file_is_thrown_away(world: World) -> None:
    part = world.root / "usr/local/bin/.k3s.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(K3S + b"more")
    use(world, place=Download())
    assert world.boot() == 0
    assert installed(world) == K3S


@pytest.mark.parametrize(
    "first",
    [Download(status=503), Download(status=404), Download(b"wrong")],
    ids=["down", "gone", "wrong"],
)
def test_the_second_place_serves_when_the_first_does_not(world: World, first: Download) -> None:
    use(world, first=first, second=Download())
    assert world.boot() == 0
    assert installed(world) == K3S


def test_a_wrong_file_is_never_installed(world: World) -> None:
    use(world, first=Download(b"wrong"))
    assert world.boot() == 1
    wrong = hashlib.sha256(b"wrong").hexdigest()
    expected = f"{world.url}/first/k3s has SHA-256 {wrong}, expected {SHA256}"
    assert ("download-k3s", expected) == world.cause()
    assert list((world.root / "usr/local/bin").iterdir()) == []


@pytest.mark.parametrize(
    "first",
    ["s3://the-bucket/gone/k3s", "s3://the-bucket/wrong/k3s", "{url}/wrong/k3s"],
    ids=["gone-from-the-bucket", "wrong-in-the-bucket", "wrong-elsewhere"],
)
def test_a_bucket_serves_when_the_place_before_it_does_not(world: World, first: str) -> None:
    use_bucket(world, first.format(url=world.url), "s3://the-bucket/good/k3s")
    assert world.boot() == 0, world.cause()
    assert installed(world) == K3S


def test_another_place_serves_when_the_bucket_has_a_wrong_file(world: World) -> None:
    use_bucket(world, "s3://the-bucket/wrong/k3s", f"{world.url}/good/k3s")
    assert world.boot() == 0, world.cause()
    assert installed(world) == K3S


@pytest.mark.parametrize(
    "places",
    [
        ["{url}/wrong/k3s"],
        ["s3://the-bucket/wrong/k3s"],
        ["s3://the-bucket/wrong/k3s", "s3://the-bucket/worse/k3s"],
        ["{url}/wrong/k3s", "s3://the-bucket/worse/k3s"],
    ],
    ids=["address", "bucket", "bucket-twice", "both-kinds"],
)
def test_a_wrong_file_stops_the_boot_whatever_place_it_comes_from(
    world: World, places: list[str]
) -> None:
    sources = [each.format(url=world.url) for each in places]
    use_bucket(world, *sources)
    assert world.boot() == 1
    expected = "; ".join(
        f"{each} has SHA-256 {received(each)}, expected {SHA256}" for each in sources
    )
    assert ("download-k3s", expected) == world.cause()
    assert list((world.root / "usr/local/bin").iterdir()) == []
    assert not (world.root / "etc/systemd/system/k3s.service").exists()
    assert world.systemd.restarts("k3s") == 0


def received(source: str) -> str:
    return hashlib.sha256(source.split("/")[-2].encode()).hexdigest()


def test_a_wrong_manifest_of_the_bucket_stops_the_boot(world: World) -> None:
    world.objects["/the-bucket/manifests/x/big.yaml"] = b"wrong"
    source, sha256 = "s3://the-bucket/manifests/x/big.yaml", hashlib.sha256(b"right").hexdigest()
    world.configure("server", manifests={"big.yaml": {"source": source, "sha256": sha256}})
    assert world.boot() == 1
    wrong = hashlib.sha256(b"wrong").hexdigest()
    assert world.cause()[1] == f"{source} has SHA-256 {wrong}, expected {sha256}"
    assert world.systemd.restarts("k3s") == 0


def test_every_place_is_named_when_none_has_the_file(world: World) -> None:
    use(world, first=Download(status=404), second=Download(status=403))
    assert world.boot() == 1
    expected = f"{world.url}/first/k3s answered 404; {world.url}/second/k3s answered 403"
    assert ("download-k3s", expected) == world.cause()


def test_a_place_that_stays_down_ends_with_the_deadline(world: World) -> None:
    use(world, first=Download(status=503))
    began = world.clock.now
    assert world.boot() == 1
    phase, cause = world.cause()
    assert phase == "download-k3s"
    assert cause.startswith("k3s was not downloaded: waited 29")
    assert cause.endswith(f"last answer: {world.url}/first/k3s answered 503")
    assert world.clock.now - began <= 300


def test_a_full_disk_is_named_before_anything_is_written(world: World) -> None:
    world.free = 50 << 20
    use(world, first=Download())
    assert world.boot() == 1
    place = world.root / "usr/local/bin"
    assert ("download-k3s", f"{place} has 50 MiB free, 0 MiB are needed") == world.cause()
    assert list(place.iterdir()) == []
