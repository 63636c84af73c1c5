"""
The boot program of a k3s node: brings the machine to the state that /etc/k3s-aws/node.json has.

Standard library only, Python 3.9 or newer: every image with cloud-init has it. May run again at
any time: it does what is missing and restarts k3s only when its binary or configuration changed.
Records each phase in report.json; no secret reaches the report, the log, an argument or an
environment variable.
"""
