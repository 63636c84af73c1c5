"""
cloud-init's own Ec2 datasource, told that it runs on AWS.

cloud-init finds that out from the firmware, which a container does not have; without it, it would
not ask for the session tokens that the metadata service requires. Nothing else differs.
"""

from cloudinit import sources
from cloudinit.sources.DataSourceEc2 import CloudNames, DataSourceEc2


class DataSourceEc2Machine(DataSourceEc2):
    """The Ec2 datasource of the network stage."""

    def _get_cloud_name(self):
        return CloudNames.AWS


DATASOURCES = [(DataSourceEc2Machine, (sources.DEP_FILESYSTEM, sources.DEP_NETWORK))]


def get_datasource_list(depends):
    """What cloud-init calls to learn which of its stages the datasource serves."""
    return sources.list_from_depends(depends, DATASOURCES)
