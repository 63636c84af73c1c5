"""The resource type Node."""
