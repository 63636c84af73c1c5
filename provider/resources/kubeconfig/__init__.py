"""The resource type Kubeconfig."""
