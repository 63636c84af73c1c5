package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gopkg.in/yaml.v2"
)

// TestWhatK3sRefusesIsRefusedWithItsMessage: the real k3s gives the same messages for the same table.
func TestWhatK3sRefusesIsRefusedWithItsMessage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "refused.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Role        Role
		Config      string
		Arguments   []string
		Environment map[string]string
		Fatal       string
	}
	if err := yaml.UnmarshalStrict(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Fatal, func(t *testing.T) {
			m := newMachine(t)
			m.file("config.yaml", c.Config)
			for name, value := range c.Environment {
				t.Setenv(name, value)
			}
			var err error
			if c.Role == ServerRole {
				_, err = m.server(c.Arguments...)
			} else {
				_, err = m.agent(c.Arguments...)
			}
			if err == nil || err.Error() != strings.TrimPrefix(c.Fatal, "Error: ") {
				t.Errorf("got %v, want %s", err, c.Fatal)
			}
		})
	}
}

func TestWhatLooksWrongAndK3sAcceptsIsAccepted(t *testing.T) {
	for _, config := range []string{
		"disable: [no-such-component]", "write-kubeconfig-mode: rw", "advertise-address: y", "node-name: under_score",
		"agent-token: K10not-a-token", "token: K10::server:secret", "flannel-backend: ipsec", "node-external-ip: x",
		"{secrets-encryption: false, secrets-encryption-provider: rot13}", "kubelet-arg: [no-such-flag=1]",
		"{etcd-disable-snapshots: true, etcd-snapshot-reconcile-interval: 0s}", "no-such-key: {a: [1]}", "",
		"disable-agent: yes", "kube-apiserver-arg: [no-such-flag]",
	} {
		m := newMachine(t)
		m.file("config.yaml", config)
		if _, err := m.server("and", "further", "words"); err != nil {
			t.Errorf("%q: %v", config, err)
		}
	}
}

func TestAnUnquotedOctalModeIsAnotherMode(t *testing.T) {
	m := newMachine(t)
	m.file("config.yaml", "write-kubeconfig-mode: 0644\n")
	equal(t, "420", m.mustServer().KubeconfigMode)
}

func TestABooleanOfYAML11IsABoolean(t *testing.T) {
	for given, want := range map[string]bool{"yes": true, "on": true, "no": false, "true": true, "1": true, "'t'": true} {
		m := newMachine(t)
		m.file("config.yaml", "disable-agent: "+given)
		equal(t, want, m.mustServer().DisableAgent)
	}
}

func TestJSONIsConfigurationToo(t *testing.T) {
	m := newMachine(t)
	m.file("config.yaml", `{"https-listen-port": 7443, "tls-san": ["a.example", "10.0.0.1"], "disable-agent": true}`)
	s := m.mustServer()
	equal(t, 7443, s.Port)
	equal(t, []string{"a.example", "10.0.0.1"}, s.TLSNames)
	equal(t, true, s.DisableAgent)
}

func TestAServerHasTheDefaultsOfK3s(t *testing.T) {
	m := newMachine(t)
	s := m.mustServer()
	equal(t, []any{6443, "0.0.0.0", "cluster.local", "30000-32767", "vxlan", false},
		[]any{s.Port, s.BindAddress, s.ClusterDomain, s.ServicePorts, s.FlannelBackend, s.DisableNetworkPolicy})
	equal(t, "10.42.0.0/16 10.43.0.0/16", s.ClusterCIDRs[0].String()+" "+s.ServiceCIDRs[0].String())
	equal(t, []string{m.path("data"), m.path("k3s.yaml"), ""}, []string{s.DataDir, s.Kubeconfig, s.KubeconfigMode})
	s = m.mustServer("--node-ip=fd00::2")
	equal(t, "fd00:42::/56 fd00:43::/112", s.ClusterCIDRs[0].String()+" "+s.ServiceCIDRs[0].String())
}

func TestTheTokenOfAFileCountsBeforeTheOthers(t *testing.T) {
	m := newMachine(t)
	m.file("config.yaml", "token: other\ntoken-file: "+m.file("token", "secret\n")+
		"\nagent-token: other\nagent-token-file: "+m.file("agent", "agents\n"))
	s := m.mustServer()
	equal(t, []string{"secret", "agents"}, []string{s.Token, s.AgentToken})
}

func TestATokenFileIsWaitedForSomeMinutes(t *testing.T) {
	m := newMachine(t)
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		// Between two looks, so that no look finds the file created and not yet written.
		time.AfterFunc(time.Minute+fileEvery/2, func() { m.file("token", "secret\n") })
		content, err := awaitFile(t.Context(), m.path("token"))
		if err != nil || content != "secret" || time.Since(start) != time.Minute+fileEvery {
			t.Errorf("%q, %v after %s", content, err, time.Since(start))
		}
		start = time.Now()
		if _, err := awaitFile(t.Context(), m.path("missing")); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != fileTimeout {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

func TestAServersTokensMayHaveTheFullForm(t *testing.T) {
	full := "K10" + strings.Repeat("ab", 32)
	s := newMachine(t).mustServer("--token", full+"::server:secret", "--agent-token", full+"::node:agents")
	equal(t, []string{"secret", "agents"}, []string{s.Token, s.AgentToken})
}

func TestRolesOfAServerAreRefused(t *testing.T) {
	for _, arguments := range [][]string{{"--disable-etcd", "--server=https://a:6443"}, {"--disable-apiserver"}} {
		if _, err := newMachine(t).server(arguments...); err == nil || !strings.Contains(err.Error(), "not available in this stand-in") {
			t.Errorf("%s: error %v", arguments, err)
		}
	}
}

func TestAFurtherServerKeepsTheTokenAsItWasGiven(t *testing.T) {
	full := "K10" + strings.Repeat("ab", 32) + "::server:secret"
	s := newMachine(t).mustServer("--server=https://a:6443/", "--token="+full, "--cluster-init", "--etcd-arg=a=b")
	equal(t, Datastore{ClusterInit: true, TokenPassed: true, JoinURL: "https://a:6443", JoinToken: full, EtcdArgs: []string{"a=b"},
		Snapshots: Snapshots{Schedule: "0 */12 * * *", Name: "etcd-snapshot", Retention: 5}}, s.Datastore)
}

func TestNetworksAndTheNodeMustHaveTheSameIPVersions(t *testing.T) {
	for want, args := range map[string][]string{
		"cluster-cidr: [10.42.0.0/16] and service-cidr: [fd00:43::/112], must share the same IP version (IPv4, IPv6 or dual-stack)": {
			"--cluster-cidr=10.42.0.0/16", "--service-cidr=fd00:43::/112"},
		"cluster-cidr: [10.42.0.0/16 fd00:42::/56] and service-cidr: [10.43.0.0/16], must share the same IP version (IPv4, IPv6 or dual-stack)": {
			"--cluster-cidr=10.42.0.0/16,fd00:42::/56"},
		"cluster-cidr: [fd00:42::/56] and node-ip: [10.64.0.10], must share the same IP version (IPv4, IPv6 or dual-stack)": {
			"--cluster-cidr=fd00:42::/56", "--service-cidr=fd00:43::/112"},
		"cluster-cidr: [10.42.0.0/16 fd00:42::/56] and node-ip: [10.64.0.10], must share the same IP version (IPv4, IPv6 or dual-stack)": {
			"--cluster-cidr=10.42.0.0/16,fd00:42::/56", "--service-cidr=10.43.0.0/16,fd00:43::/112"},
	} {
		if _, err := newMachine(t).server(args...); err == nil || err.Error() != want {
			t.Errorf("%v: error %v", args, err)
		}
	}
	newMachine(t).mustServer("--cluster-cidr=10.42.0.0/16,fd00:42::/56", "--service-cidr=10.43.0.0/16,fd00:43::/112", "--node-ip=10.64.0.10,fd00::2")
}

func TestTheAdvertisedAddressIsTheExternalOneUnlessGiven(t *testing.T) {
	for want, args := range map[string][]string{
		"10.64.0.10": nil,
		"10.0.0.2":   {"--node-ip=10.0.0.2"},
		"127.44.1.2": {"--node-ip=10.0.0.2", "--node-external-ip=127.44.1.2"},
		"10.0.0.9":   {"--node-ip=10.0.0.2", "--node-external-ip=127.44.1.2", "--advertise-address=10.0.0.9"},
	} {
		equal(t, want, newMachine(t).mustServer(args...).AdvertiseAddress)
	}
}
