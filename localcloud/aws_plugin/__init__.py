"""
The stand-in for Pulumi's `aws` provider plugin, used where the official one cannot be installed.

It knows the types and look-ups this program uses and creates them through boto3 at the endpoints of
the provider's configuration. What replaces a resource and what changes in place follows the real
plugin, attribute by attribute.
"""

VERSION = "7.51.1"
"""The version pulumi-aws asks for; the engine warns about an older one."""
