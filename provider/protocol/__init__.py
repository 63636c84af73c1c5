"""The provider protocol (gRPC, Pulumi) for any resource types; knows neither k3s nor AWS."""
