"""A Pulumi program with its stack, run by the real engine and timed from outside."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from localcloud.errors import LocalCloudError
from localcloud.workbench.stack import answer

# It ends what hangs, and judges nothing.
RUN_SECONDS = 1200
LAST_LINES = 12


@dataclass(frozen=True)
class Program:
    """
    The program in `folder` and its stack called `stack`; pulumi's output goes to `log`.

    Every method raises LocalCloudError when pulumi fails or does not end.
    """

    folder: Path
    stack: str
    environment: Mapping[str, str]
    log: Path

    @property
    def config_file(self) -> Path:
        """The configuration of the stack."""
        return self.folder / f"Pulumi.{self.stack}.yaml"

    def seconds(self, *words: str) -> float:
        """Runs a command to its end; how long that took."""
        began = time.monotonic()
        self.end(self.start(*words), words[0])
        return time.monotonic() - began

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Starts a command that `end` waits for."""
        with self.log.open("wb") as output:
            return subprocess.Popen(
                self._command(words),
                cwd=self.folder,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def end(self, run: subprocess.Popen[bytes], name: str) -> None:
        """Waits for a command that was started."""
        try:
            status = run.wait(RUN_SECONDS)
        except BaseException as error:
            run.kill()
            run.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise LocalCloudError(
                    f"`pulumi {name}` of {self.folder} did not end within {RUN_SECONDS} s"
                ) from None
            raise
        if status != 0:
            last = self.log.read_text(errors="replace").strip().splitlines()[-LAST_LINES:]
            output = "".join(f"\n    | {line}" for line in last)
            raise LocalCloudError(f"`pulumi {name}` of {self.folder} ended with {status}{output}")

    def answer(self, *words: str) -> str:
        """The output of a command."""
        return answer(self._command(words), self.folder, self.environment, seconds=RUN_SECONDS)

    def _command(self, words: tuple[str, ...]) -> list[str]:
        return ["pulumi", *words, "--non-interactive", "--stack", self.stack]
