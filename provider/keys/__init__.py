"""Key pairs and certificates: making them, reading them, and whose they are."""
