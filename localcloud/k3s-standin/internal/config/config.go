// Package config turns k3s's configuration files, environment and arguments into settings.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"k3s-aws/localcloud/k3s-standin/internal/token"
)

// Paths are the places of k3s that no flag moves.
type Paths struct {
	ConfigFile string
	Kubeconfig string
	NodeDir    string // the node's password and id
	DataDir    string // unless data-dir says otherwise
}

// DefaultPaths are those of k3s.
func DefaultPaths() Paths {
	return Paths{
		ConfigFile: "/etc/rancher/k3s/config.yaml",
		Kubeconfig: "/etc/rancher/k3s/k3s.yaml",
		NodeDir:    "/etc/rancher/node",
		DataDir:    "/var/lib/rancher/k3s",
	}
}

// Log is how much to say.
type Log struct {
	Debug     bool
	Verbosity string // of the Kubernetes components
}

// Node is what makes a machine a node, on a server as on an agent.
type Node struct {
	Log
	Name         string
	IPs          []net.IP
	ExternalIPs  []net.IP
	Labels       []string
	Taints       []string
	KubeletArgs  []string
	DataDir      string
	PasswordFile string
}

// Server is the configuration of `k3s server`.
type Server struct {
	Node
	Token            string // bare password; empty: what an earlier start used, or a new one
	AgentToken       string
	AdvertiseAddress net.IP
	BindAddress      string
	Port             int
	TLSNames         []string
	Kubeconfig       string
	KubeconfigMode   fs.FileMode
	ClusterCIDR      string
	ServiceCIDR      string
	ServicePorts     string
	ClusterDomain    string
	APIServerArgs    []string
	ControllerArgs   []string
	SchedulerArgs    []string
	DisableAgent     bool
}

// Agent is the configuration of `k3s agent`.
type Agent struct {
	Node
	URL   string
	Token string
}

// NewServer checks and completes the settings of a server.
func NewServer(v *Values, paths Paths, host Host) (*Server, error) {
	if err := refuseManyServers(v); err != nil {
		return nil, err
	}
	node, err := newNode(v, paths, host)
	if err != nil {
		return nil, err
	}
	s := &Server{
		Node:           node,
		BindAddress:    v.Text("bind-address", "0.0.0.0"),
		TLSNames:       v.Commas("tls-san"),
		Kubeconfig:     v.Text("write-kubeconfig", paths.Kubeconfig),
		ClusterCIDR:    strings.Join(orElse(v.Commas("cluster-cidr"), "10.42.0.0/16"), ","),
		ServiceCIDR:    strings.Join(orElse(v.Commas("service-cidr"), "10.43.0.0/16"), ","),
		ServicePorts:   v.Text("service-node-port-range", "30000-32767"),
		ClusterDomain:  v.Text("cluster-domain", "cluster.local"),
		APIServerArgs:  v.List("kube-apiserver-arg"),
		ControllerArgs: v.List("kube-controller-manager-arg"),
		SchedulerArgs:  v.List("kube-scheduler-arg"),
	}
	return s, errors.Join(s.readTokens(v), s.readNumbers(v), s.readAdvertised(v))
}

// NewAgent checks and completes the settings of an agent.
func NewAgent(v *Values, paths Paths, host Host) (*Agent, error) {
	node, err := newNode(v, paths, host)
	if err != nil {
		return nil, err
	}
	secret, err := secretOf(v, "token")
	if err != nil {
		return nil, err
	}
	a := &Agent{Node: node, URL: strings.TrimRight(v.Text("server", ""), "/"), Token: secret}
	if a.Token == "" {
		return nil, errors.New("--token is required")
	}
	if _, err := token.Parse(a.Token); err != nil {
		return nil, err
	}
	if a.URL == "" {
		return nil, errors.New("--server is required")
	}
	if !strings.HasPrefix(a.URL, "https://") {
		return nil, fmt.Errorf("only https:// URLs are supported, invalid scheme: %s", a.URL)
	}
	return a, nil
}

func refuseManyServers(v *Values) error {
	for _, name := range []string{"cluster-init", "cluster-reset"} {
		if on, err := v.Bool(name); err != nil {
			return err
		} else if on {
			return fmt.Errorf("%s needs embedded etcd, which this stand-in for k3s does not have: "+
				"it runs one server on SQLite", name)
		}
	}
	for _, name := range []string{"server", "datastore-endpoint"} {
		if v.Text(name, "") != "" {
			return fmt.Errorf("%s on a server needs several servers, which this stand-in for k3s "+
				"does not have: it runs one server on SQLite", name)
		}
	}
	return nil
}

func newNode(v *Values, paths Paths, host Host) (Node, error) {
	n := Node{
		Labels: v.List("node-label"), Taints: v.List("node-taint"), KubeletArgs: v.List("kubelet-arg"),
		DataDir:      v.Text("data-dir", paths.DataDir),
		PasswordFile: filepath.Join(paths.NodeDir, "password"),
		Log:          Log{Verbosity: v.Text("v", "0")},
	}
	var err error
	if n.Debug, err = v.Bool("debug"); err != nil {
		return n, err
	}
	if n.DataDir, err = filepath.Abs(n.DataDir); err != nil {
		return n, err
	}
	if n.Name, err = nodeName(v, paths, host); err != nil {
		return n, err
	}
	if n.IPs, err = addresses("node-ip", v.Commas("node-ip")); err != nil {
		return n, err
	}
	if len(n.IPs) == 0 {
		n.IPs = []net.IP{host.Address()}
	}
	n.ExternalIPs, err = addresses("node-external-ip", v.Commas("node-external-ip"))
	return n, err
}

func nodeName(v *Values, paths Paths, host Host) (string, error) {
	name := v.Text("node-name", "")
	if name == "" {
		var err error
		if name, err = host.Name(); err != nil {
			return "", fmt.Errorf("node-name: %w", err)
		}
	}
	withID, err := v.Bool("with-node-id")
	if err != nil {
		return "", err
	}
	if withID {
		id, err := host.NodeID(filepath.Join(paths.NodeDir, "id"))
		if err != nil {
			return "", fmt.Errorf("with-node-id: %w", err)
		}
		name += "-" + id
	}
	name = strings.ToLower(name)
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		return "", fmt.Errorf("node-name %q: %s", name, strings.Join(problems, "; "))
	}
	return name, nil
}

func (s *Server) readTokens(v *Values) error {
	for name, into := range map[string]*string{"token": &s.Token, "agent-token": &s.AgentToken} {
		secret, err := secretOf(v, name)
		if err != nil {
			return err
		}
		if secret == "" {
			continue
		}
		parsed, err := token.Parse(secret)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		*into = parsed.Password
	}
	return nil
}

func (s *Server) readNumbers(v *Values) error {
	port, err := strconv.Atoi(v.Text("https-listen-port", "6443"))
	if err != nil || port < 1 || port > 65535 {
		return fmt.Errorf("https-listen-port: %q is not a port", v.Text("https-listen-port", ""))
	}
	mode, err := strconv.ParseUint(v.Text("write-kubeconfig-mode", "0600"), 8, 9)
	if err != nil {
		return fmt.Errorf("write-kubeconfig-mode: %q is not an octal mode such as 0600",
			v.Text("write-kubeconfig-mode", ""))
	}
	s.Port, s.KubeconfigMode = port, fs.FileMode(mode)
	s.DisableAgent, err = v.Bool("disable-agent")
	return err
}

// readAdvertised follows k3s: an external address is advertised unless told otherwise.
func (s *Server) readAdvertised(v *Values) error {
	given, err := addresses("advertise-address", v.Commas("advertise-address"))
	if err != nil {
		return err
	}
	s.AdvertiseAddress = append(append(given, s.ExternalIPs...), s.IPs...)[0]
	return nil
}

// secretOf reads a token from its flag or, failing that, from the file its -file flag names.
func secretOf(v *Values, name string) (string, error) {
	if value := v.Text(name, ""); value != "" {
		return value, nil
	}
	file := v.Text(name+"-file", "")
	if file == "" {
		return "", nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s-file: %w", name, err)
	}
	value := strings.TrimSpace(string(raw))
	if value == "" {
		return "", fmt.Errorf("%s-file: %s is empty", name, file)
	}
	return value, nil
}

func addresses(name string, values []string) ([]net.IP, error) {
	var all []net.IP
	for _, value := range values {
		ip := net.ParseIP(value)
		if ip == nil {
			return nil, fmt.Errorf("%s: %q is not an IP address", name, value)
		}
		all = append(all, ip)
	}
	return all, nil
}

func orElse(values []string, otherwise string) []string {
	if len(values) == 0 {
		return []string{otherwise}
	}
	return values
}
