"""
From the start of a pipeline's job to a KUBECONFIG that works, part by part.

A job has a fresh clone of what is committed. What `pulumi install` does, a virtual environment with
the pinned packages, is measured twice: made with the packages in pip's cache, and taken out of an
archive, as a pipeline's cache does. Pulumi's plugins are in place.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import stack_cluster
from bench.environment import JOB, BenchEnvironment
from bench.figures import rounded
from bench.programs import Program
from bench.shape import Shape
from localcloud.errors import LocalCloudError
from localcloud.workbench import stack_file

# It ends what hangs, and judges nothing.
STEP_SECONDS = 1200
LAST_LINES = 12
PACKAGES = "virtual environment, packages in pip's cache"
RESTORED = "virtual environment, restored from an archive"


@dataclass(frozen=True, kw_only=True)
class JobStart:
    """The seconds of each part of every repetition; a job has one of PACKAGES and RESTORED."""

    parts: dict[str, list[float]]

    def seconds(self, without: str) -> float:
        """The sum of the medians, without one part."""
        return sum(median(each) for name, each in self.parts.items() if name != without)

    def __str__(self) -> str:
        lines = [f"    {name:<48} {median(each):6.2f} s" for name, each in self.parts.items()]
        made, restored = self.seconds(RESTORED), self.seconds(PACKAGES)
        return "\n".join(
            [
                "from a job's start to a KUBECONFIG that works, 1 server, 2 agents, medians",
                *lines,
                f"{'all, where the virtual environment is made':<52} {made:6.2f} s",
                f"{'all, where it is restored':<52} {restored:6.2f} s",
            ]
        )

    @property
    def content(self) -> dict[str, list[float]]:
        """As in the results file."""
        return {name: rounded(each) for name, each in self.parts.items()}


class Jobs:
    """Runs the commands of a job in a folder of its own, which is removed afterwards."""

    def __init__(self, bench: BenchEnvironment, shape: Shape) -> None:
        self._bench, self._shape = bench, shape
        self._folder = bench.program.log.parent / JOB
        self._clone, self._archive = self._folder / "clone", self._folder / "venv.tar"
        self._venv = self._clone / ".local" / "venv"
        self._parts: dict[str, list[float]] = defaultdict(list)

    def repeat(self, count: int) -> JobStart:
        """One job after the other, its cluster destroyed. Raises LocalCloudError."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        try:
            # Not measured: whatever pip's cache lacks is downloaded, and the archive is made.
            self._make_clone()
            self._install()
            with tarfile.open(self._archive, "w") as archive:
                archive.add(self._venv, "venv")
            for number in range(1, count + 1):
                self._bench.say(f"==> from a job's start to a KUBECONFIG, {number} of {count}")
                self._run_job()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
        return JobStart(parts=dict(self._parts))

    def _run_job(self) -> None:
        program = self._program()
        # Of the job before, with all of its packages; a job has none.
        shutil.rmtree(self._clone)
        self._measure("clone", self._make_clone)
        self._measure(PACKAGES, self._install)
        shutil.rmtree(self._venv)
        self._measure(RESTORED, self._restore)
        self._measure("pulumi stack init", lambda: program.seconds("stack", "init"))
        self._configure(program)
        up = ("up", "--yes", "--skip-preview", "--suppress-outputs")
        try:
            self._measure("pulumi up, every node Ready", lambda: program.seconds(*up))
            self._connect(program.stack)
        finally:
            program.seconds("destroy", "--yes", "--skip-preview", "--remove")

    def _connect(self, stack: str) -> None:
        kubeconfig = str(self._folder / "kubeconfig")
        python = str(self._venv / "bin" / "python")
        words = [python, "-m", "ci", "connect", "--stack", stack, "--kubeconfig", kubeconfig]
        self._measure("python -m ci connect", lambda: self._run(words))
        kubectl = [str(self._bench.k3s.path), "kubectl", "--kubeconfig", kubeconfig]
        self._measure("kubectl get nodes", lambda: self._run([*kubectl, "get", "nodes"]))

    @property
    def _environment(self) -> dict[str, str]:
        """That of the measured stack, with the job's own virtual environment."""
        given = self._bench.program.environment
        path = os.pathsep.join([str(self._venv / "bin"), given["PATH"]])
        return {**given, "VIRTUAL_ENV": str(self._venv), "PATH": path}

    def _program(self) -> Program:
        name = f"{self._bench.program.stack}-job"
        return Program(self._clone, name, self._environment, self._folder / "log")

    def _configure(self, program: Program) -> None:
        """As a job that has the stack's file; `stack init` has written the salt of the secrets."""
        given = stack_file.read(self._bench.program.config_file)["config"]
        content = stack_file.read(program.config_file)
        stack_file.write(program.config_file, {**content, "config": given})
        stack_cluster.configure_servers(program, count=self._shape.servers)
        stack_cluster.configure_agents(program, count=self._shape.agents)

    def _make_clone(self) -> None:
        source = self._bench.program.folder.as_uri()
        words = ["git", "clone", "--quiet", "--depth", "1", source, str(self._clone)]
        self._run(words, self._folder)

    def _install(self) -> None:
        """The commands of `pulumi install`, whichever language host there is."""
        self._run(["python3", "-m", "venv", str(self._venv)])
        pip = [str(self._venv / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        self._run([*pip, "--requirement", "requirements.txt"])

    def _restore(self) -> None:
        self._run(["tar", "-xf", str(self._archive), "-C", str(self._venv.parent)])

    def _measure(self, name: str, step: Callable[[], object]) -> None:
        began = time.monotonic()
        step()
        self._parts[name].append(time.monotonic() - began)

    def _run(self, words: Sequence[str], folder: Path | None = None) -> None:
        done = subprocess.run(
            words,
            cwd=folder or self._clone,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=STEP_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            last = "".join(f"\n    | {each}" for each in done.stdout.splitlines()[-LAST_LINES:])
            raise LocalCloudError(f"`{' '.join(words[:4])}` ended with {done.returncode}{last}")
