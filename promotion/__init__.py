"""
Environments of one configuration: that their stack files differ only where they should.

Reads files alone: no Pulumi, no AWS, no secret.
"""
