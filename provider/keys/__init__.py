"""Key pairs and certificates: generating and reading them, and the owners of host keys."""
