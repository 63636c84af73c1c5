"""The error of this package."""


class RecoveryError(Exception):
    """Something the operator can mend; the message says how."""
