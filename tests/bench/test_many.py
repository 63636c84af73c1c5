"""The stacks of large clusters, and the memory of the processes below a run."""

from __future__ import annotations

from pathlib import Path

from bench import many
from localcloud.workbench.stack_config import CLUSTER


def process(proc: Path, pid: int, parent: int, words: str, mib: int) -> None:
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    (folder / "stat").write_text(f"{pid} (a (name) of it) S {parent} 1 1 0")
    (folder / "cmdline").write_bytes(words.replace(" ", "\0").encode())
    (folder / "status").write_text(f"Name:\tx\nVmRSS:\t  {mib << 10} kB\n")


def test_the_memory_of_each_part_is_summed_over_the_processes_of_the_run(tmp_path: Path) -> None:
    process(tmp_path, 10, 1, "pulumi preview --stack x", 100)
    process(tmp_path, 11, 10, "python pulumi-language-python-exec prog", 200)
    process(tmp_path, 12, 10, "python -m provider", 30)
    process(tmp_path, 13, 12, "python -m provider child", 5)
    process(tmp_path, 14, 10, "something else", 7)
    process(tmp_path, 20, 1, "python -m provider of another run", 999)
    found = many.used_by_part(10, tmp_path)
    assert found == {"engine": 100, "program": 200, "k3s provider": 35}


def test_a_process_that_ended_meanwhile_counts_for_nothing(tmp_path: Path) -> None:
    process(tmp_path, 10, 1, "pulumi preview", 100)
    process(tmp_path, 11, 10, "python -m provider", 30)
    (tmp_path / "11" / "status").unlink()
    assert many.used_by_part(10, tmp_path) == {"engine": 100}


def test_only_the_size_of_the_cluster_differs_from_the_measured_one() -> None:
    given = {
        "encryptionsalt": "v1:salt",
        "config": {
            "aws:region": "us-east-1",
            CLUSTER: {
                "pools": [{"name": "agents", "count": 2}],
                "network": {"vpcCidr": "10.62.0.0/16"},
            },
        },
    }
    assert many._sized(given, 100) == {
        "config": {
            "aws:region": "us-east-1",
            CLUSTER: {
                "pools": [{"name": "agents", "count": 100}],
                "network": {"vpcCidr": "10.62.0.0/16", "clusterCidr": "10.128.0.0/12"},
            },
        }
    }
    assert many._sized(given, None) == {"config": given["config"]}
