"""What the demo prints at its end: commands that work as they stand, from the checkout's root."""

from __future__ import annotations

from localcloud.workbench.folder import Folder

TITLE = "Try next"
# At least two blanks stand between a command and its remark.
WIDTH = 33


def commands(folder: Folder) -> list[tuple[str, str]]:
    """Each command with a remark; the first one is for the shell that runs the others."""
    shell = folder.shell.relative_to(folder.places.root)
    return [
        (f". {shell}", "pulumi, Python, kubectl and KUBECONFIG for this shell"),
        ("kubectl get nodes", ""),
        ("kubectl auth can-i --list", 'what this kubeconfig allows in the namespace "default"'),
        ("pulumi stack output nodes", ""),
        ("pulumi preview", f"after a change in {folder.stack_config.name}, such as pools[0].count"),
        ("make demo-destroy", "leaves nothing behind but caches in .local/"),
    ]


def text(folder: Folder) -> str:
    """The block that is printed."""
    lines = [f"    {command:{WIDTH}} {remark}".rstrip() for command, remark in commands(folder)]
    return "\n".join([TITLE, *lines])
