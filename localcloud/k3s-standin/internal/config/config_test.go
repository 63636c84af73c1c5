package config

import (
	"maps"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// world is a folder of configuration files and an environment.
type world struct {
	t   *testing.T
	dir string
	env map[string]string
}

func newWorld(t *testing.T) world {
	t.Helper()
	return world{t: t, dir: t.TempDir(), env: map[string]string{}}
}

func (w world) file(name, content string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w world) load(command Command, args ...string) (*Values, error) {
	return Load(command, args, func(name string) string { return w.env[name] }, filepath.Join(w.dir, "config.yaml"))
}

func (w world) mustLoad(command Command, args ...string) *Values {
	w.t.Helper()
	values, err := w.load(command, args...)
	if err != nil {
		w.t.Fatal(err)
	}
	return values
}

func (w world) paths() Paths {
	return Paths{Kubeconfig: filepath.Join(w.dir, "k3s.yaml"), NodeDir: filepath.Join(w.dir, "node"), DataDir: w.dir}
}

func host() Host {
	return Host{
		Name:    func() (string, error) { return "Some-Host", nil },
		Address: func() net.IP { return net.IPv4(10, 64, 0, 10) },
		NodeID:  func(string) (string, error) { return "abcd1234", nil },
	}
}

func (w world) server(args ...string) (*Server, error) {
	values, err := w.load(ServerCommand, args...)
	if err != nil {
		return nil, err
	}
	return NewServer(values, w.paths(), host())
}

func (w world) agent(args ...string) (*Agent, error) {
	values, err := w.load(AgentCommand, args...)
	if err != nil {
		return nil, err
	}
	return NewAgent(values, w.paths(), host())
}

func equal(t *testing.T, want, got any) {
	t.Helper()
	if !reflect.DeepEqual(want, got) {
		t.Errorf("want %#v, got %#v", want, got)
	}
}

func TestDropInsFollowTheMainFileInAlphabeticalOrder(t *testing.T) {
	w := newWorld(t)
	w.file("config.yaml", "node-name: main\nnode-label: [a=1]\n")
	w.file("config.yaml.d/20-b.yaml", "node-name: second\n")
	w.file("config.yaml.d/10-a.yaml", "node-name: first\n")
	w.file("config.yaml.d/30-c.txt", "node-name: ignored\n")
	values := w.mustLoad(AgentCommand)
	equal(t, "second", values.Text("node-name", ""))
	equal(t, []string{"a=1"}, values.List("node-label"))
}

func TestDropInsAreReadWithoutAMainFile(t *testing.T) {
	w := newWorld(t)
	w.file("config.yaml.d/10-a.yaml", "node-name: a\n")
	equal(t, "a", w.mustLoad(AgentCommand).Text("node-name", ""))
}

func TestAKeyReplacesAndAPlusAppends(t *testing.T) {
	w := newWorld(t)
	w.file("config.yaml", "node-label: [a=1]\nnode-taint: [x=y:NoSchedule]\n")
	w.file("config.yaml.d/10.yaml", "node-label+: [b=2]\nnode-taint: [z=y:NoSchedule]\n")
	w.file("config.yaml.d/20.yaml", "node-label+: c=3\n")
	values := w.mustLoad(AgentCommand)
	equal(t, []string{"a=1", "b=2", "c=3"}, values.List("node-label"))
	equal(t, []string{"z=y:NoSchedule"}, values.List("node-taint"))
}

func TestArgumentsBeatFilesAndFilesBeatTheEnvironment(t *testing.T) {
	w := newWorld(t)
	w.env["K3S_TOKEN"], w.env["K3S_URL"], w.env["K3S_NODE_NAME"] = "from-env", "https://env:6443", "env"
	w.file("config.yaml", "server: https://file:6443\nnode-name: file\nnode-label: [a=1, b=2]\n")
	values := w.mustLoad(AgentCommand, "--node-name", "args", "--node-label=c=3")
	equal(t, "from-env", values.Text("token", ""))
	equal(t, "https://file:6443", values.Text("server", ""))
	equal(t, "args", values.Text("node-name", ""))
	equal(t, []string{"c=3"}, values.List("node-label"))
}

func TestJSONIsConfigurationToo(t *testing.T) {
	w := newWorld(t)
	w.file("config.yaml", `{"https-listen-port": 7443, "tls-san": ["a.example", "10.0.0.1"], "disable-agent": true}`)
	s, err := w.server()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, 7443, s.Port)
	equal(t, []string{"a.example", "10.0.0.1"}, s.TLSNames)
	equal(t, true, s.DisableAgent)
}

func TestAValueKeepsItsSpelling(t *testing.T) {
	w := newWorld(t)
	w.file("config.yaml", "token: 0123\nwrite-kubeconfig-mode: 0644\n")
	s, err := w.server()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "0123", s.Token)
	equal(t, os.FileMode(0o644), s.KubeconfigMode)
}

func TestAKeyOfAnotherCommandIsSkippedWithANote(t *testing.T) {
	w := newWorld(t)
	w.file("config.yaml", "tls-san: [x]\nnode-name: a\n")
	values := w.mustLoad(AgentCommand)
	equal(t, []string{"Unknown flag --tls-san found in the configuration files, skipping"}, values.Notes)
}

func TestKeysThatDoNothingHereAreNamed(t *testing.T) {
	w := newWorld(t)
	w.file("config.yaml", "secrets-encryption: true\ndisable: [traefik]\nflannel-backend: host-gw\n")
	values := w.mustLoad(ServerCommand)
	equal(t, []string{"This stand-in for k3s accepts and does not act upon: disable, flannel-backend, secrets-encryption"}, values.Notes)
}

func TestEveryKeyOfTheReferenceIsAccepted(t *testing.T) {
	keys := strings.Fields(`token token-file agent-token agent-token-file server cluster-init datastore-endpoint
		datastore-cafile tls-san tls-san-security node-ip node-external-ip advertise-address bind-address
		node-internal-dns node-external-dns node-name with-node-id node-label node-taint flannel-backend
		flannel-iface flannel-external-ip cluster-cidr service-cidr disable disable-cloud-controller
		disable-kube-proxy disable-network-policy disable-helm-controller secrets-encryption
		secrets-encryption-provider etcd-snapshot-schedule-cron etcd-snapshot-retention
		etcd-snapshot-reconcile-interval etcd-arg etcd-s3 etcd-s3-bucket-lookup-type etcd-s3-config-secret
		write-kubeconfig write-kubeconfig-mode write-kubeconfig-group kubelet-arg kube-proxy-arg
		kube-apiserver-arg kube-controller-manager-arg kube-scheduler-arg kube-cloud-controller-manager-arg
		embedded-registry private-registry airgap-extra-registry disable-default-registry-endpoint
		image-credential-provider-bin-dir image-credential-provider-config protect-kernel-defaults
		egress-selector-mode pause-image snapshotter resolv-conf lb-server-port prefer-bundled-bin
		supervisor-metrics default-runtime nonroot-devices disable-apiserver-lb selinux enable-pprof
		disable-agent disable-apiserver disable-etcd disable-controller-manager disable-scheduler
		supervisor-port https-listen-port data-dir cluster-dns cluster-domain service-node-port-range`)
	known := slices.Collect(maps.Keys(ServerCommand.flags))
	for _, key := range keys {
		if !slices.Contains(known, key) {
			t.Errorf("k3s's key %s is unknown", key)
		}
	}
}

func TestABadArgumentEndsTheCommand(t *testing.T) {
	for want, args := range map[string][]string{
		"flag provided but not defined: -nonsense": {"--nonsense=1"},
		"flag needs an argument: -token":           {"--token"},
		`unexpected argument "stray" to k3s agent`: {"stray"},
	} {
		if _, err := newWorld(t).load(AgentCommand, args...); err == nil || err.Error() != want {
			t.Errorf("%v: error %v, want %q", args, err, want)
		}
	}
}

func TestABrokenFileIsNamed(t *testing.T) {
	for content, want := range map[string]string{
		"node-label: {a: 1}": "line 1: node-label: must be a plain value or a list of them",
		"- a":                "must hold a mapping of flags to values",
		"a: [":               "yaml:",
	} {
		w := newWorld(t)
		path := w.file("config.yaml", content)
		_, err := w.load(AgentCommand)
		if err == nil || !strings.HasPrefix(err.Error(), path+": ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", content, err, want)
		}
	}
}

func TestOnlyAFileThatWasAskedForMustExist(t *testing.T) {
	w := newWorld(t)
	w.mustLoad(AgentCommand)
	if _, err := w.load(AgentCommand, "--config", filepath.Join(w.dir, "missing.yaml")); err == nil {
		t.Error("a missing --config must be an error")
	}
	w.env["K3S_CONFIG_FILE"] = w.file("other.yaml", "node-name: other\n")
	equal(t, "other", w.mustLoad(AgentCommand).Text("node-name", ""))
}

func TestTheTokenMayStandInAFile(t *testing.T) {
	w := newWorld(t)
	w.file("config.yaml", "token-file: "+w.file("token", "secret\n")+"\nagent-token-file: "+w.file("agent", "agents\n"))
	s, err := w.server()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, []string{"secret", "agents"}, []string{s.Token, s.AgentToken})
}

func TestAServersTokenMayHaveTheFullForm(t *testing.T) {
	s, err := newWorld(t).server("--token", "K10"+strings.Repeat("ab", 32)+"::server:secret")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "secret", s.Token)
}

func TestAnAgentNeedsATokenAndAServer(t *testing.T) {
	for want, args := range map[string][]string{
		"--token is required":  {"--server=https://a:6443"},
		"--server is required": {"--token=x"},
		"only https:// URLs are supported, invalid scheme: http://a:6443": {"--token=x", "--server=http://a:6443"},
	} {
		if _, err := newWorld(t).agent(args...); err == nil || err.Error() != want {
			t.Errorf("%v: error %v, want %q", args, err, want)
		}
	}
}

func TestWhatNeedsSeveralServersIsRefused(t *testing.T) {
	for _, argument := range []string{"--cluster-init", "--server=https://a:6443", "--datastore-endpoint=mysql://x", "--cluster-reset"} {
		if _, err := newWorld(t).server(argument); err == nil || !strings.Contains(err.Error(), "one server on SQLite") {
			t.Errorf("%s: error %v", argument, err)
		}
	}
}

func TestTheAdvertisedAddressIsTheExternalOneUnlessGiven(t *testing.T) {
	for want, args := range map[string][]string{
		"10.64.0.10": nil,
		"10.0.0.2":   {"--node-ip=10.0.0.2"},
		"127.44.1.2": {"--node-ip=10.0.0.2", "--node-external-ip=127.44.1.2"},
		"10.0.0.9":   {"--node-ip=10.0.0.2", "--node-external-ip=127.44.1.2", "--advertise-address=10.0.0.9"},
	} {
		s, err := newWorld(t).server(args...)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, want, s.AdvertiseAddress.String())
	}
}

func TestTheNodeIsNamedAfterTheHostInLowerCase(t *testing.T) {
	a, err := newWorld(t).agent("--token=x", "--server=https://a:6443/", "--with-node-id")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "some-host-abcd1234", a.Name)
	equal(t, "https://a:6443", a.URL)
}

func TestBadValuesAreNamedWithTheirKey(t *testing.T) {
	for argument, want := range map[string]string{
		"--https-listen-port=0":        "https-listen-port",
		"--https-listen-port=abc":      "https-listen-port",
		"--write-kubeconfig-mode=rw":   "write-kubeconfig-mode",
		"--node-ip=1.2.3":              "node-ip",
		"--node-external-ip=x":         "node-external-ip",
		"--advertise-address=y":        "advertise-address",
		"--node-name=under_score":      "node-name",
		"--disable-agent=perhaps":      "disable-agent",
		"--token-file=/does/not/exist": "token-file",
		"--agent-token=K10not-a-token": "agent-token",
	} {
		if _, err := newWorld(t).server(argument); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: error %v, want one about %s", argument, err, want)
		}
	}
}

func TestTheNodeIDIsMadeOnceAndKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "node", "id")
	first, err := ensureNodeID(file)
	if err != nil {
		t.Fatal(err)
	}
	second, err := ensureNodeID(file)
	if err != nil || len(first) != 8 {
		t.Fatal(first, err)
	}
	equal(t, first, second)
}
