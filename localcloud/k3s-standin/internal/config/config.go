// Package config turns k3s's configuration files, environment and arguments into settings, and refuses
// what k3s refuses when it starts. Messages that end a command have k3s's wording.
package config

import "net"

// Paths are the places of k3s that no flag moves.
type Paths struct {
	ConfigFile string
	Kubeconfig string
	NodeDir    string // the node's password and id
	DataDir    string // unless data-dir is set
	Registries string // unless private-registry is set
	Loopback   string // where this machine alone listens
}

// DefaultPaths are those of k3s.
func DefaultPaths() Paths {
	return Paths{
		ConfigFile: "/etc/rancher/k3s/config.yaml",
		Kubeconfig: "/etc/rancher/k3s/k3s.yaml",
		NodeDir:    "/etc/rancher/node",
		DataDir:    "/var/lib/rancher/k3s",
		Registries: "/etc/rancher/k3s/registries.yaml",
		Loopback:   "127.0.0.1",
	}
}

// Log is how much is logged.
type Log struct {
	Debug     bool
	Verbosity string // of the Kubernetes components
}

// Node is what makes a machine a node, on a server as on an agent.
type Node struct {
	Log
	Name         string
	IPs          []net.IP
	ExternalIPs  []string // unchecked: k3s checks them when it joins
	Labels       []string
	Taints       []string
	KubeletArgs  []string
	FlannelConf  string
	DataDir      string
	PasswordFile string
	Registries   string
}

// Server is the configuration of `k3s server`.
type Server struct {
	Node
	Token                string // bare password; empty: what an earlier start used, or a new one
	AgentToken           string
	AdvertiseAddress     string // unchecked: the API server checks it
	BindAddress          string
	Port                 int
	TLSNames             []string
	Kubeconfig           string
	KubeconfigMode       string // octal; one that is not is logged only
	ClusterCIDRs         []*net.IPNet
	ServiceCIDRs         []*net.IPNet
	ServicePorts         string
	ClusterDomain        string
	FlannelBackend       string
	DisableNetworkPolicy bool
	APIServerArgs        []string
	ControllerArgs       []string
	SchedulerArgs        []string
	DisableAgent         bool
	Datastore
	Critical
}

// Datastore is where a server keeps the cluster's data. Data of etcd on disk counts more than all of it.
type Datastore struct {
	ClusterInit  bool
	ClusterReset bool
	RestorePath  string // of a snapshot, with a reset
	JoinURL      string // of another server; scheme and host
	JoinToken    string // as it was given, with the authority's hash
	TokenByFile  bool   // with token-file alone, which a restore does not read
	External     string
	EtcdArgs     []string
	Loopback     string
	Snapshots    Snapshots
}

// Snapshots is how a server saves etcd's data.
type Snapshots struct {
	Disabled  bool // none by the clock
	Schedule  string
	Dir       string // empty: the default one
	Name      string
	Retention int
	Compress  bool
}

// Critical are the settings that must be equal on all servers, beside those of their networks.
type Critical struct {
	ClusterDNS            []net.IP
	DisableCCM            bool
	DisableHelmController bool
	DisableServiceLB      bool
	EncryptSecrets        bool
	EncryptProvider       string
	EmbeddedRegistry      bool
	FlannelIPv6Masq       bool
	FlannelExternalIP     bool
	EgressSelectorMode    string
	SupervisorMetrics     bool
}

// Agent is the configuration of `k3s agent`.
type Agent struct {
	Node
	URL   string
	Token string
}
