"""
K3sCluster for other Pulumi programs: in Python as a library, in other languages as a package.

    from k3s_aws import K3sCluster, K3sClusterArgs

docs/library.md says how it is installed and used.
"""

from cluster.version import VERSION
from k3s_aws.k3s_cluster import K3sCluster, K3sClusterArgs

__version__ = VERSION

__all__ = ["K3sCluster", "K3sClusterArgs", "__version__"]
