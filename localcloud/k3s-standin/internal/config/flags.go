package config

type kind int

const (
	text kind = iota
	list
	boolean
)

// flag is one of k3s's flags. Those the stand-in does not act upon are accepted all the same,
// because a configuration made for k3s must be taken unchanged.
type flag struct {
	kind kind
	acts bool
	env  string
}

// Command is the set of flags that one subcommand of k3s takes.
type Command struct {
	Name  string
	flags map[string]flag
}

// short are k3s's one-letter flags.
var short = map[string]string{
	"c": "config", "d": "data-dir", "i": "node-ip", "l": "log", "o": "write-kubeconfig",
	"s": "server", "t": "token",
}

var nodeFlags = map[string]flag{
	"config":           {kind: text, acts: true, env: "K3S_CONFIG_FILE"},
	"debug":            {kind: boolean, acts: true, env: "K3S_DEBUG"},
	"v":                {kind: text, acts: true},
	"data-dir":         {kind: text, acts: true, env: "K3S_DATA_DIR"},
	"token":            {kind: text, acts: true, env: "K3S_TOKEN"},
	"token-file":       {kind: text, acts: true, env: "K3S_TOKEN_FILE"},
	"server":           {kind: text, acts: true, env: "K3S_URL"},
	"node-name":        {kind: text, acts: true, env: "K3S_NODE_NAME"},
	"with-node-id":     {kind: boolean, acts: true},
	"node-label":       {kind: list, acts: true},
	"node-taint":       {kind: list, acts: true},
	"node-ip":          {kind: list, acts: true},
	"node-external-ip": {kind: list, acts: true},
	"kubelet-arg":      {kind: list, acts: true},
}

var serverFlags = map[string]flag{
	"agent-token":                 {kind: text, acts: true, env: "K3S_AGENT_TOKEN"},
	"agent-token-file":            {kind: text, acts: true, env: "K3S_AGENT_TOKEN_FILE"},
	"advertise-address":           {kind: text, acts: true},
	"bind-address":                {kind: text, acts: true},
	"cluster-cidr":                {kind: list, acts: true},
	"cluster-domain":              {kind: text, acts: true},
	"cluster-init":                {kind: boolean, acts: true, env: "K3S_CLUSTER_INIT"},
	"cluster-reset":               {kind: boolean, acts: true, env: "K3S_CLUSTER_RESET"},
	"datastore-endpoint":          {kind: text, acts: true, env: "K3S_DATASTORE_ENDPOINT"},
	"disable-agent":               {kind: boolean, acts: true},
	"https-listen-port":           {kind: text, acts: true},
	"kube-apiserver-arg":          {kind: list, acts: true},
	"kube-controller-manager-arg": {kind: list, acts: true},
	"kube-scheduler-arg":          {kind: list, acts: true},
	"service-cidr":                {kind: list, acts: true},
	"service-node-port-range":     {kind: text, acts: true},
	"tls-san":                     {kind: list, acts: true},
	"write-kubeconfig":            {kind: text, acts: true, env: "K3S_KUBECONFIG_OUTPUT"},
	"write-kubeconfig-mode":       {kind: text, acts: true, env: "K3S_KUBECONFIG_MODE"},
}

// Flags of k3s that are accepted and do nothing here.
var (
	inertNodeText = []string{
		"bind-address", "container-runtime-endpoint", "default-runtime", "flannel-cni-conf",
		"flannel-conf", "flannel-iface", "image-credential-provider-bin-dir",
		"image-credential-provider-config", "image-service-endpoint", "lb-server-port", "log",
		"node-external-dns", "node-internal-dns", "pause-image", "private-registry", "resolv-conf",
		"snapshotter", "vmodule", "vpn-auth", "vpn-auth-file",
	}
	inertNodeList = []string{"airgap-extra-registry", "kube-proxy-arg"}
	inertNodeBool = []string{
		"alsologtostderr", "disable-apiserver-lb", "disable-default-registry-endpoint", "docker",
		"enable-pprof", "no-flannel", "nonroot-devices", "prefer-bundled-bin",
		"protect-kernel-defaults", "rootless", "selinux",
	}
	inertServerText = []string{
		"advertise-port", "cluster-reset-restore-path", "datastore-cafile", "datastore-certfile",
		"datastore-keyfile", "default-local-storage-path", "egress-selector-mode", "etcd-s3-access-key",
		"etcd-s3-bucket", "etcd-s3-bucket-lookup-type", "etcd-s3-config-secret", "etcd-s3-endpoint",
		"etcd-s3-endpoint-ca", "etcd-s3-folder", "etcd-s3-proxy", "etcd-s3-region",
		"etcd-s3-retention", "etcd-s3-secret-key", "etcd-s3-session-token", "etcd-s3-timeout",
		"etcd-snapshot-dir", "etcd-snapshot-name", "etcd-snapshot-reconcile-interval",
		"etcd-snapshot-retention", "etcd-snapshot-schedule-cron", "flannel-backend", "helm-job-image",
		"kine-tls", "secrets-encryption-provider", "servicelb-namespace", "supervisor-port",
		"system-default-registry", "write-kubeconfig-group", "write-kubeconfig-name",
	}
	inertServerList = []string{
		"cluster-dns", "disable", "etcd-arg", "kube-cloud-controller-arg",
		"kube-cloud-controller-manager-arg", "kube-controller-arg",
	}
	inertServerBool = []string{
		"disable-apiserver", "disable-cloud-controller", "disable-controller-manager", "disable-etcd",
		"disable-helm-controller", "disable-kube-proxy", "disable-network-policy",
		"disable-scheduler", "embedded-registry", "etcd-disable-snapshots", "etcd-expose-metrics",
		"etcd-s3", "etcd-s3-insecure", "etcd-s3-skip-ssl-verify", "etcd-snapshot-compress",
		"flannel-external-ip", "flannel-ipv6-masq", "multi-cluster-cidr", "secrets-encryption",
		"supervisor-metrics", "tls-san-security",
	}
)

// ServerCommand and AgentCommand are what `k3s server` and `k3s agent` take.
var (
	ServerCommand = newCommand("server", true)
	AgentCommand  = newCommand("agent", false)
)

func newCommand(name string, server bool) Command {
	command := Command{Name: name, flags: map[string]flag{}}
	command.inert(text, inertNodeText)
	command.inert(list, inertNodeList)
	command.inert(boolean, inertNodeBool)
	command.add(nodeFlags)
	if server {
		command.inert(text, inertServerText)
		command.inert(list, inertServerList)
		command.inert(boolean, inertServerBool)
		command.add(serverFlags)
	}
	return command
}

func (c Command) inert(k kind, names []string) {
	for _, name := range names {
		c.flags[name] = flag{kind: k}
	}
}

func (c Command) add(flags map[string]flag) {
	for name, f := range flags {
		c.flags[name] = f
	}
}
