"""The provider protocol (gRPC, Pulumi) for any resource types; nothing of k3s or AWS is in it."""
