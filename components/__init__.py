"""DOES: the Pulumi components. They create what `cluster/` decided; no rule lives here."""
