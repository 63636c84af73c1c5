"""Everything that a Pulumi stack on a local cloud needs, for the demo, the bench and the tests."""
