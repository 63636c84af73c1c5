"""The resource type Identity."""
