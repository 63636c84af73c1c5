"""The error of this package."""


class RecoveryError(Exception):
    """An error that the operator can correct; the message has how."""
