package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"gopkg.in/yaml.v2"

	"k3s-aws/cluster/k3s_flags"
	"k3s-aws/localcloud/k3s-standin/internal/version"
)

// Role is a command of k3s that has a configuration.
type Role string

// The commands `k3s server` and `k3s agent`.
const (
	ServerRole Role = "server"
	AgentRole  Role = "agent"
)

// flag is an entry of the table of k3s's flags.
type flag struct {
	Type        string
	Roles       []Role
	Aliases     []string
	Environment string
	Since       string
}

// table has the flags of the imitated version of k3s.
var table = readTable(k3s_flags.YAML)

// acts are the flags on which the stand-in acts. The others are parsed, and some are checked.
var acts = set(`advertise-address agent-token agent-token-file bind-address cluster-cidr cluster-domain
	cluster-init cluster-reset cluster-reset-restore-path config data-dir datastore-endpoint debug disable-agent disable-network-policy
	etcd-arg
	etcd-disable-snapshots etcd-snapshot-compress etcd-snapshot-dir etcd-snapshot-name etcd-snapshot-retention
	etcd-snapshot-schedule-cron https-listen-port kube-apiserver-arg kube-controller-arg kube-controller-manager-arg kube-scheduler-arg
	kubelet-arg node-external-ip node-ip node-label node-name node-taint private-registry server service-cidr
	service-node-port-range tls-san token token-file v with-node-id write-kubeconfig write-kubeconfig-mode`)

// defaults are k3s's own, of the flags that are read here.
var defaults = map[string]any{
	"cluster-domain":                   "cluster.local",
	"egress-selector-mode":             "agent",
	"etcd-s3-timeout":                  5 * time.Minute,
	"etcd-snapshot-name":               "etcd-snapshot",
	"etcd-snapshot-reconcile-interval": 10 * time.Minute,
	"etcd-snapshot-retention":          5,
	"etcd-snapshot-schedule-cron":      "0 */12 * * *",
	"flannel-backend":                  "vxlan",
	"https-listen-port":                6443,
	"secrets-encryption-provider":      "aescbc",
	"service-node-port-range":          "30000-32767",
}

// renamed are flags with an older name in the place of the newer: k3s appends the values of both.
var renamed = map[string]string{
	"kube-cloud-controller-arg": "kube-cloud-controller-manager-arg",
	"kube-controller-arg":       "kube-controller-manager-arg",
}

func readTable(text []byte) map[string]flag {
	var content struct {
		Versions []string
		Flags    map[string]flag
	}
	if err := yaml.UnmarshalStrict(text, &content); err != nil {
		panic(fmt.Sprintf("table of k3s's flags: %v", err))
	}
	for name, f := range content.Flags {
		if f.Since != "" && !version.AtLeast(f.Since) {
			delete(content.Flags, name)
		}
	}
	return content.Flags
}

// Flags are the flags of a command, for the library with which k3s parses them too.
func Flags(role Role) []cli.Flag {
	lists := map[string]*cli.StringSlice{}
	var flags []cli.Flag
	for _, name := range sortedNames() {
		if slices.Contains(table[name].Roles, role) {
			flags = append(flags, table[name].parsed(name, lists))
		}
	}
	return flags
}

// GlobalFlags are those that k3s also takes before its command.
func GlobalFlags() []cli.Flag {
	return []cli.Flag{table["debug"].parsed("debug", nil), table["data-dir"].parsed("data-dir", nil)}
}

// Inert are the flags that were set for a command and on which the stand-in does not act.
func Inert(c *cli.Context) []string {
	var names []string
	for _, name := range sortedNames() {
		if _, does := acts[name]; !does && c.IsSet(name) {
			names = append(names, name)
		}
	}
	return names
}

func (f flag) parsed(name string, lists map[string]*cli.StringSlice) cli.Flag {
	var environment []string
	if f.Environment != "" {
		environment = []string{f.Environment}
	}
	switch f.Type {
	case "string":
		value, _ := defaults[name].(string)
		return &cli.StringFlag{Name: name, Aliases: f.Aliases, EnvVars: environment, Value: value}
	case "strings":
		return &cli.StringSliceFlag{Name: name, Aliases: f.Aliases, EnvVars: environment, Destination: list(name, lists)}
	case "boolean":
		return &cli.BoolFlag{Name: name, Aliases: f.Aliases, EnvVars: environment}
	case "integer":
		value, _ := defaults[name].(int)
		return &cli.IntFlag{Name: name, Aliases: f.Aliases, EnvVars: environment, Value: value}
	case "duration":
		value, _ := defaults[name].(time.Duration)
		return &cli.DurationFlag{Name: name, Aliases: f.Aliases, EnvVars: environment, Value: value}
	}
	panic(fmt.Sprintf("table of k3s's flags: %s has the unknown type %q", name, f.Type))
}

// list is where a flag's values go; the two names of a renamed flag have one place.
func list(name string, lists map[string]*cli.StringSlice) *cli.StringSlice {
	if newer, ok := renamed[name]; ok {
		name = newer
	}
	if lists[name] == nil {
		lists[name] = &cli.StringSlice{}
	}
	return lists[name]
}

func sortedNames() []string {
	names := make([]string, 0, len(table))
	for name := range table {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func set(names string) map[string]struct{} {
	all := map[string]struct{}{}
	for _, name := range strings.Fields(names) {
		all[name] = struct{}{}
	}
	return all
}
