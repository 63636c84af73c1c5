"""DECIDES: configuration to model, model to text. Pure: no Pulumi, socket, clock or environment."""
