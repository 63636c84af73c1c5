package server

import (
	"k3s-aws/localcloud/k3s-standin/internal/config"
	"k3s-aws/localcloud/k3s-standin/internal/supervisor"
)

// forAgents is what agents and further servers are told of this server's settings.
func forAgents(c *config.Server) supervisor.Configuration {
	return supervisor.Configuration{
		ClusterDNS: c.ClusterDNS[0], ClusterDNSs: c.ClusterDNS, DisableCCM: c.DisableCCM,
		DisableHelmController: c.DisableHelmController, DisableServiceLB: c.DisableServiceLB,
		EncryptSecrets: c.EncryptSecrets, EncryptProvider: c.EncryptProvider, EmbeddedRegistry: c.EmbeddedRegistry,
		FlannelIPv6Masq: c.FlannelIPv6Masq, FlannelExternalIP: c.FlannelExternalIP,
		EgressSelectorMode: c.EgressSelectorMode, SupervisorMetrics: c.SupervisorMetrics,
		ClusterIPRange: c.ClusterCIDRs[0], ClusterIPRanges: c.ClusterCIDRs,
		ServiceIPRange: c.ServiceCIDRs[0], ServiceIPRanges: c.ServiceCIDRs,
		ClusterDomain: c.ClusterDomain, FlannelBackend: c.FlannelBackend, DisableNPC: c.DisableNetworkPolicy,
	}
}
