"""The Kubernetes API of a cluster, and what the plugin does with it."""
