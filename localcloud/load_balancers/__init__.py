"""Network load balancers with a data path: listeners, health checks and forwarded connections."""
