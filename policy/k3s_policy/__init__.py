"""Rules for what a Pulumi program would create on AWS, and the pack that the engine asks."""
