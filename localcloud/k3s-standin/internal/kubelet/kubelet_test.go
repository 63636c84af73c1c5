package kubelet

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k3s-aws/localcloud/k3s-standin/internal/config"
)

func load(t *testing.T, c config.Node) (Settings, error) {
	t.Helper()
	if c.DataDir == "" {
		c.DataDir = t.TempDir()
	}
	if c.IPs == nil {
		c.IPs = []net.IP{net.IPv4(10, 64, 0, 20)}
	}
	return Load(c)
}

func mustLoad(t *testing.T, c config.Node) Settings {
	t.Helper()
	settings, err := load(t, c)
	if err != nil {
		t.Fatal(err)
	}
	return settings
}

func equal[T comparable](t *testing.T, want, got T) {
	t.Helper()
	if want != got {
		t.Errorf("got %v, want %v", got, want)
	}
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const header = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"

func TestWithoutArgumentsTheDefaultsAreThoseOfK3s(t *testing.T) {
	s := mustLoad(t, config.Node{})
	equal(t, 10*time.Second, s.StatusUpdate)
	equal(t, 5*time.Minute, s.StatusReport)
	equal(t, 40*time.Second, s.Lease)
	equal(t, 110, s.MaxPods)
	equal(t, "127.0.0.1:10248", s.Healthz)
	equal(t, "", s.ProviderID)
}

func TestANodeWithAnIPv6AddressServesItsHealthOnTheIPv6Loopback(t *testing.T) {
	equal(t, "[::1]:10248", mustLoad(t, config.Node{IPs: []net.IP{net.ParseIP("fd00::2")}}).Healthz)
}

func TestArgumentsReplaceTheDefaults(t *testing.T) {
	s := mustLoad(t, config.Node{KubeletArgs: []string{
		"provider-id=aws:///us-east-1a/i-0123", "--max-pods=60", "healthz-port=20248",
		"healthz-bind-address=127.0.0.9", "node_status_update_frequency=1s",
	}})
	equal(t, "aws:///us-east-1a/i-0123", s.ProviderID)
	equal(t, 60, s.MaxPods)
	equal(t, "127.0.0.9:20248", s.Healthz)
	equal(t, time.Second, s.StatusUpdate)
}

func TestHowOftenTheStatusIsComputedDoesNotChangeHowOftenItIsPosted(t *testing.T) {
	s := mustLoad(t, config.Node{KubeletArgs: []string{"node-status-update-frequency=1s"}})
	equal(t, 5*time.Minute, s.StatusReport)
}

func TestTheHealthPort0IsNone(t *testing.T) {
	equal(t, "", mustLoad(t, config.Node{KubeletArgs: []string{"healthz-port=0"}}).Healthz)
}

func TestAConfigurationFileIsBetweenTheDefaultsAndTheArguments(t *testing.T) {
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "kubelet.yaml"),
		header+"nodeStatusReportFrequency: 1s\nnodeLeaseDurationSeconds: 4\nmaxPods: 50\nhealthzPort: 20248\n")
	s := mustLoad(t, config.Node{KubeletArgs: []string{"config=" + file, "max-pods=60"}})
	equal(t, time.Second, s.StatusReport)
	equal(t, 10*time.Second, s.StatusUpdate)
	equal(t, 4*time.Second, s.Lease)
	equal(t, 60, s.MaxPods)
	equal(t, "127.0.0.1:20248", s.Healthz)
}

func TestDropInsAreMergedInTheOrderOfTheirNames(t *testing.T) {
	data, more := t.TempDir(), t.TempDir()
	folder := filepath.Join(data, "agent", "etc", "kubelet.conf.d")
	write(t, filepath.Join(folder, "05-first.conf"), header+"maxPods: 5\nregistryPullQPS: 5\n")
	write(t, filepath.Join(folder, "30-last.conf"), header+"maxPods: 30\n")
	write(t, filepath.Join(folder, "40-other.yaml"), "not read")
	write(t, filepath.Join(more, "a", "b.conf"), header+"maxPods: 20\nnodeStatusUpdateFrequency: 2s\n")
	s := mustLoad(t, config.Node{DataDir: data, KubeletArgs: []string{"config-dir=" + more}})
	equal(t, 30, s.MaxPods)
	equal(t, 2*time.Second, s.StatusUpdate)
}

func TestLabelsAndTaintsAreThoseOfTheNodeUnlessAnArgumentNamesOthers(t *testing.T) {
	node := config.Node{Labels: []string{"tier=web", "topology.kubernetes.io/zone=us-east-1a"}, Taints: []string{"dedicated=web:NoSchedule"}}
	s := mustLoad(t, node)
	equal(t, "web us-east-1a", s.Labels["tier"]+" "+s.Labels["topology.kubernetes.io/zone"])
	equal(t, "dedicated=web:NoSchedule", s.Taints[0].ToString())
	node.KubeletArgs = []string{"node-labels=other=1", "register-with-taints=spare=true:PreferNoSchedule"}
	s = mustLoad(t, node)
	equal(t, " 1", s.Labels["tier"]+" "+s.Labels["other"])
	equal(t, "spare=true:PreferNoSchedule", s.Taints[0].ToString())
}

func TestAnArgumentWithoutAValueTakesTheNextOneWithItAsInK3s(t *testing.T) {
	s := mustLoad(t, config.Node{KubeletArgs: []string{"seccomp-default", "max-pods=60"}})
	equal(t, 110, s.MaxPods)
}

func TestWhatAKubeletRefusesIsRefusedWithItsMessage(t *testing.T) {
	empty := write(t, filepath.Join(t.TempDir(), "empty.yaml"), "")
	noKind := write(t, filepath.Join(t.TempDir(), "no-kind.yaml"), "maxPods: 60\n")
	const parse = "kubelet exited: failed to parse kubelet flag: "
	const validate = "kubelet exited: failed to validate kubelet flags: "
	const merge = "kubelet exited: failed to merge kubelet configs: failed to walk through kubelet dropin directory "
	const prepare = "failed to start kubelet: prepare user configuration drop-ins: "
	for _, c := range []struct {
		node config.Node
		want string
	}{
		{config.Node{KubeletArgs: []string{"nonsense=1"}}, parse + "unknown flag: --nonsense"},
		{config.Node{KubeletArgs: []string{"node-status-update-frequency=often"}},
			parse + `invalid argument "often" for "--node-status-update-frequency" flag: time: invalid duration "often"`},
		{config.Node{KubeletArgs: []string{"-v=3"}}, parse + "bad flag syntax: ---v=3"},
		{config.Node{KubeletArgs: []string{"feature-gates=Nonsense=true"}},
			"kubelet exited: failed to set feature gates from initial flags-based config: unrecognized feature gate: Nonsense"},
		{config.Node{Labels: []string{"node-role.kubernetes.io/agent=true"}},
			validate + "unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: [node-role.kubernetes.io/agent]"},
		{config.Node{Labels: []string{"a b=c"}}, validate + "invalid node labels: 'a b' - "},
		{config.Node{KubeletArgs: []string{"max-pods=-1"}}, "kubelet exited: failed to validate kubelet configuration, error: " +
			"invalid configuration: maxPods (--max-pods) -1 must not be a negative number"},
		{config.Node{Taints: []string{"no-effect"}}, "failed to start kubelet: prepare default configuration drop-in: " +
			"failed to parse node taints: invalid taint spec: no-effect"},
		{config.Node{KubeletArgs: []string{"config=/does/not/exist"}}, prepare + `copy config "/does/not/exist" into managed drop-in dir `},
		{config.Node{KubeletArgs: []string{"config="}}, prepare + "value required for kubelet-arg --config"},
		{config.Node{KubeletArgs: []string{"config=" + empty}}, merge},
		{config.Node{KubeletArgs: []string{"config=" + noKind}}, merge},
	} {
		if _, err := load(t, c.node); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("error %v,\nwant %s", err, c.want)
		}
	}
}
