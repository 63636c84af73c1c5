"""The AWS API on loopback: moto, and every place where EC2 behaves otherwise."""
