package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/urfave/cli/v2"
	netutils "k8s.io/utils/net"

	"k3s-aws/localcloud/k3s-standin/internal/token"
)

// Prefixes of errors with which k3s ends after it has read its flags.
const (
	bootstrapFailed    = "preparing server: failed to bootstrap cluster data"
	dependenciesFailed = "preparing server: failed to generate server dependencies"
	listenerFailed     = "preparing server: failed to start supervisor listener"
)

// NewServer checks and completes the settings of a server, in k3s's order.
func NewServer(c *cli.Context, paths Paths, host Host) (*Server, error) {
	agentToken, err := secretOf(c, "agent-token")
	if err != nil {
		return nil, err
	}
	serverToken, err := secretOf(c, "token")
	if err != nil {
		return nil, err
	}
	if err := checkDatastoreFlags(c); err != nil {
		return nil, err
	}
	node, err := newNode(c, paths, host)
	if err != nil {
		return nil, err
	}
	s := newServer(c, node, paths)
	if s.Datastore, err = newDatastore(c, serverToken, paths); err != nil {
		return nil, err
	}
	s.AgentToken = token.UserPassword("node", agentToken)
	if err := s.readNetwork(c); err != nil {
		return nil, err
	}
	if err := checkTLS(s.APIServerArgs); err != nil {
		return nil, err
	}
	if err := refuseOthers(c); err != nil {
		return nil, err
	}
	return s, s.checkPreparation(c, serverToken)
}

func newServer(c *cli.Context, node Node, paths Paths) *Server {
	return &Server{
		Node: node,
		AdvertiseAddress: orElse(orElse(c.String("advertise-address"), firstAddress(node.ExternalIPs)),
			node.IPs[0].String()),
		BindAddress:          orElse(c.String("bind-address"), "0.0.0.0"),
		Port:                 c.Int("https-listen-port"),
		TLSNames:             split(c.StringSlice("tls-san")),
		Kubeconfig:           orElse(c.String("write-kubeconfig"), paths.Kubeconfig),
		KubeconfigMode:       c.String("write-kubeconfig-mode"),
		ClusterDomain:        c.String("cluster-domain"),
		FlannelBackend:       c.String("flannel-backend"),
		DisableNetworkPolicy: c.Bool("disable-network-policy"),
		APIServerArgs:        c.StringSlice("kube-apiserver-arg"),
		ControllerArgs:       c.StringSlice("kube-controller-manager-arg"),
		SchedulerArgs:        c.StringSlice("kube-scheduler-arg"),
		DisableAgent:         c.Bool("disable-agent"),
		Critical:             newCritical(c),
	}
}

func newDatastore(c *cli.Context, secret string, paths Paths) (Datastore, error) {
	d := Datastore{
		ClusterInit: c.Bool("cluster-init"), ClusterReset: c.Bool("cluster-reset"),
		RestorePath: c.String("cluster-reset-restore-path"), JoinToken: secret, External: c.String("datastore-endpoint"),
		TokenByFile: c.String("token") == "",
		EtcdArgs:    c.StringSlice("etcd-arg"), Loopback: paths.Loopback,
		Snapshots: Snapshots{
			Disabled: c.Bool("etcd-disable-snapshots"), Schedule: c.String("etcd-snapshot-schedule-cron"),
			Dir: c.String("etcd-snapshot-dir"), Name: c.String("etcd-snapshot-name"),
			Retention: c.Int("etcd-snapshot-retention"), Compress: c.Bool("etcd-snapshot-compress"),
		},
	}
	if server := c.String("server"); server != "" {
		parsed, err := url.Parse(server)
		if err != nil {
			return d, err
		}
		d.JoinURL = parsed.Scheme + "://" + parsed.Host
	}
	return d, nil
}

func newCritical(c *cli.Context) Critical {
	critical := Critical{
		DisableCCM:            c.Bool("disable-cloud-controller"),
		DisableHelmController: c.Bool("disable-helm-controller"),
		EncryptSecrets:        c.Bool("secrets-encryption"),
		EncryptProvider:       c.String("secrets-encryption-provider"),
		EmbeddedRegistry:      c.Bool("embedded-registry"),
		FlannelIPv6Masq:       c.Bool("flannel-ipv6-masq"),
		FlannelExternalIP:     c.Bool("flannel-external-ip"),
		EgressSelectorMode:    c.String("egress-selector-mode"),
		SupervisorMetrics:     c.Bool("supervisor-metrics"),
	}
	for _, each := range split(c.StringSlice("disable")) {
		critical.DisableServiceLB = critical.DisableServiceLB || strings.TrimSpace(each) == "servicelb"
	}
	return critical
}

// checkDatastoreFlags refuses what k3s refuses of the flags of its datastore.
func checkDatastoreFlags(c *cli.Context) error {
	if !c.Bool("etcd-disable-snapshots") || c.Bool("cluster-reset") {
		if c.Duration("etcd-snapshot-reconcile-interval") <= 0 {
			return errors.New("etcd-snapshot-reconcile-interval must be greater than 0s")
		}
		if c.Bool("etcd-s3") && c.Duration("etcd-s3-timeout") <= 0 {
			return errors.New("etcd-s3-timeout must be greater than 0s")
		}
	}
	external := c.String("datastore-endpoint") != ""
	switch {
	case c.String("cluster-reset-restore-path") != "" && !c.Bool("cluster-reset"):
		return errors.New("invalid flag use; --cluster-reset required with --cluster-reset-restore-path")
	case c.Bool("disable-etcd") && c.String("server") == "":
		return errors.New("invalid flag use; --server is required with --disable-etcd")
	case external && c.Bool("disable-apiserver"):
		return errors.New("invalid flag use; cannot use --disable-apiserver with --datastore-endpoint")
	case external && c.Bool("disable-etcd"):
		return errors.New("invalid flag use; cannot use --disable-etcd with --datastore-endpoint")
	case c.Bool("cluster-reset") && c.String("server") != "":
		return errors.New("cannot perform cluster-reset while server URL is set - remove server from configuration before resetting")
	}
	return nil
}

// refuseOthers has the limits of this stand-in, which k3s does not have.
func refuseOthers(c *cli.Context) error {
	for _, name := range []string{"disable-etcd", "disable-apiserver"} {
		if c.Bool(name) {
			return fmt.Errorf("%s is not available in this stand-in for k3s: every server has its own API server and datastore", name)
		}
	}
	if port := c.Int("https-listen-port"); port == 0 {
		return errors.New("https-listen-port must not be 0: this stand-in for k3s does not choose a port")
	}
	return nil
}

// checkPreparation refuses what k3s refuses when it prepares its files.
func (s *Server) checkPreparation(c *cli.Context, secret string) (err error) {
	if secret != "" {
		if s.Token, err = token.Password(secret); err != nil {
			return fmt.Errorf("%s: %w", bootstrapFailed, err)
		}
	}
	provider := c.String("secrets-encryption-provider")
	if c.Bool("secrets-encryption") && provider != "aescbc" && provider != "secretbox" {
		return fmt.Errorf("%s: unsupported secrets-encryption-provider %s", dependenciesFailed, provider)
	}
	if s.Port < 0 || s.Port > 65535 {
		return fmt.Errorf("%s: listen tcp: address %d: invalid port", listenerFailed, s.Port)
	}
	return CheckFamilies(s.ClusterCIDRs, s.ServiceCIDRs, s.IPs)
}

// CheckFamilies refuses networks and node addresses of different IP versions, as every node of k3s does.
func CheckFamilies(cluster, service []*net.IPNet, node []net.IP) error {
	dualCluster, err := netutils.IsDualStackCIDRs(cluster)
	if err != nil {
		return fmt.Errorf("failed to validate cluster-cidr: %w", err)
	}
	dualService, err := netutils.IsDualStackCIDRs(service)
	if err != nil {
		return fmt.Errorf("failed to validate service-cidr: %w", err)
	}
	dualNode, err := netutils.IsDualStackIPs(node)
	if err != nil {
		return fmt.Errorf("failed to validate node-ip: %w", err)
	}
	family := netutils.IPFamilyOfCIDR(cluster[0])
	if dualCluster != dualService || family != netutils.IPFamilyOfCIDR(service[0]) {
		return fmt.Errorf("cluster-cidr: %v and service-cidr: %v, must share the same IP version (IPv4, IPv6 or dual-stack)",
			cluster, service)
	}
	if !dualNode && (dualCluster || family != netutils.IPFamilyOf(node[0])) {
		return fmt.Errorf("cluster-cidr: %v and node-ip: %v, must share the same IP version (IPv4, IPv6 or dual-stack)",
			cluster, node)
	}
	return nil
}

func orElse(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}
