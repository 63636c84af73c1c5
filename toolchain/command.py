"""
Running one command of the project: what an operator caused is a message, never a stack trace.

Every `python -m` of ours that an operator runs goes through here.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from toolchain import demo_shell
from toolchain.errors import ToolchainError
from toolchain.places import ROOT, Places

VENV_PYTHON = ".local/venv/bin/python"
INTERRUPTED = 130
NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


def run(
    act: Callable[[], int],
    *,
    errors: tuple[type[Exception], ...] = (),
    interrupted: str = "interrupted",
    in_venv: bool = True,
) -> int:
    """
    The exit status of `act`, run outside of any demo's shell.

    `errors` are those whose text is the whole message, besides ToolchainError. With `in_venv` it
    needs the packages of the virtual environment, in the versions that are pinned.
    """
    demo_shell.leave(os.environ)
    messages: tuple[type[Exception], ...] = (ToolchainError, *errors)
    try:
        if in_venv:
            _require_venv()
        return act()
    except messages as error:
        message = str(error)
    except (OSError, ModuleNotFoundError) as error:
        found = explained(error)
        if found is None:
            raise
        message = found
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr, flush=True)
        return INTERRUPTED
    print(f"error: {message}", file=sys.stderr, flush=True)
    return 1


def _require_venv() -> None:
    if Path(sys.prefix).resolve() != Places().venv.resolve():
        raise ToolchainError(
            f"this Python ({sys.executable}) is not the one of the virtual environment\n"
            f"    make venv, then run it with {VENV_PYTHON}"
        )


def end_in_order() -> None:
    """Makes `kill` and a closed terminal what Ctrl-C is: the run ends and removes what it made."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        # With nohup a closed terminal is to end nothing.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)


def explained(error: OSError | ModuleNotFoundError) -> str | None:
    """The message for what this machine or account lacks; nothing for an error of ours."""
    if isinstance(error, ModuleNotFoundError):
        if (ROOT / str(error.name).partition(".")[0]).exists():
            return None
        return (
            f"this Python ({sys.executable}) has no {error.name}\n"
            f"    make venv, then run it with {VENV_PYTHON}"
        )
    if isinstance(error, FileNotFoundError) and os.sep not in str(error.filename or os.sep):
        return f'"{error.filename}" is not installed\n    make doctor lists what is needed'
    if error.errno in NO_SPACE:
        return f"{error.filename or 'a file'}: {error.strerror}\n    free some disk space"
    if isinstance(error, PermissionError) and error.filename:
        return (
            f"{error.filename}: {error.strerror}\n    it may belong to another account after a run "
            "as root: run it as that account, or give the folder to yours with chown"
        )
    return None
