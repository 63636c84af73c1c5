package config

import (
	"fmt"
	"net"
	"strings"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/kubernetes/pkg/controlplane/apiserver/options"
	netutils "k8s.io/utils/net"

	"k3s-aws/localcloud/k3s-standin/internal/arguments"
)

// readNetwork reads the networks of a cluster; their defaults follow the node's first address.
func (s *Server) readNetwork(c *cli.Context) (err error) {
	clusterCIDR, serviceCIDR := "10.42.0.0/16", "10.43.0.0/16"
	if netutils.IsIPv6(s.IPs[0]) {
		clusterCIDR, serviceCIDR = "fd00:42::/56", "fd00:43::/112"
	}
	if s.ClusterCIDRs, err = networks(c, "cluster-cidr", clusterCIDR); err != nil {
		return err
	}
	if s.ServiceCIDRs, err = networks(c, "service-cidr", serviceCIDR); err != nil {
		return err
	}
	ports, err := utilnet.ParsePortRange(c.String("service-node-port-range"))
	if err != nil {
		return fmt.Errorf("invalid port range %s: %w", c.String("service-node-port-range"), err)
	}
	s.ServicePorts = ports.String()
	if _, _, err := options.ServiceIPRange(*s.ServiceCIDRs[0]); err != nil {
		return err
	}
	if err := s.checkDNS(split(c.StringSlice("cluster-dns"))); err != nil {
		return err
	}
	return checkEgress(c.String("egress-selector-mode"), s.DisableAgent)
}

func networks(c *cli.Context, flag, otherwise string) ([]*net.IPNet, error) {
	given := split(c.StringSlice(flag))
	if len(given) == 0 {
		given = []string{otherwise}
	}
	var all []*net.IPNet
	for _, each := range given {
		_, network, err := net.ParseCIDR(each)
		if err != nil {
			return nil, fmt.Errorf("invalid %s %s: %w", flag, each, err)
		}
		all = append(all, network)
	}
	return all, nil
}

// checkDNS: without a given address, the tenth of each service network is the cluster's DNS server.
func (s *Server) checkDNS(given []string) error {
	if len(given) == 0 {
		for _, network := range s.ServiceCIDRs {
			tenth, err := netutils.GetIndexedIP(network, 10)
			if err != nil {
				return fmt.Errorf("cannot configure default cluster-dns address: %w", err)
			}
			s.ClusterDNS = append(s.ClusterDNS, tenth)
		}
	}
	for _, each := range given {
		ip := net.ParseIP(each)
		if ip == nil {
			return fmt.Errorf("invalid cluster-dns address %s", each)
		}
		s.ClusterDNS = append(s.ClusterDNS, ip)
	}
	return nil
}

func checkEgress(mode string, withoutAgent bool) error {
	switch mode {
	case "cluster", "pod":
	case "agent", "disabled":
		if withoutAgent {
			logrus.Warn("Webhooks and apiserver aggregation may not function properly without an agent; " +
				"please set egress-selector-mode to 'cluster' or 'pod'")
		}
	default:
		return fmt.Errorf("invalid egress-selector-mode %s", mode)
	}
	return nil
}

// checkTLS checks the arguments of the API server that k3s uses for its own listener too.
func checkTLS(apiServerArgs []string) error {
	if _, err := cliflag.TLSVersion(arguments.Value("tls-min-version", apiServerArgs)); err != nil {
		return fmt.Errorf("invalid tls-min-version: %w", err)
	}
	suites := strings.Split(arguments.Value("tls-cipher-suites", apiServerArgs), ",")
	if strings.TrimSpace(suites[0]) == "" {
		return nil
	}
	for i := range suites {
		suites[i] = strings.TrimSpace(suites[i])
	}
	if _, err := cliflag.TLSCipherSuites(suites); err != nil {
		return fmt.Errorf("invalid tls-cipher-suites: %w", err)
	}
	return nil
}
