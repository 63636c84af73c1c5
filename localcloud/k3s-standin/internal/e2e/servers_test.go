package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// member is a server with embedded etcd, on an address of its own.
type member struct {
	machine
	*service
	name     string
	address  string
	settings map[string]any
}

// loopbackOf is an address that no other run of these tests uses: the ports of etcd are always the same.
func loopbackOf(number int) string {
	const most = 250
	run := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 1+run/most%most, run%most, number)
}

// newMember prepares a server; more are settings beside the usual ones.
func newMember(t *testing.T, number int, more ...map[string]any) *member {
	t.Helper()
	address := loopbackOf(number)
	m := machine{t: t, home: t.TempDir(), loopback: address}
	s := &member{machine: m, name: fmt.Sprintf("server-%d", number), address: address, settings: map[string]any{}}
	for _, each := range append([]map[string]any{{
		"node-name": s.name, "node-ip": address, "bind-address": address, "token": serverSecret,
		"etcd-arg": []string{"heartbeat-interval=100", "election-timeout=1000"}, "kubelet-arg": m.kubelet(""),
		"kube-controller-manager-arg": []string{"node-monitor-grace-period=4s", "node-monitor-period=1s",
			"leader-elect-lease-duration=6s", "leader-elect-renew-deadline=5s", "leader-elect-retry-period=1s"},
	}}, more...) {
		maps.Copy(s.settings, each)
	}
	m.configure(s.settings)
	return s
}

func (s *member) url() string { return "https://" + s.address + ":6443" }

func (s *member) up() *member {
	s.t.Helper()
	s.service = s.machine.start("server")
	return s
}

// members are the nodes whose etcd is a voting member.
func (s *member) voters() []string {
	out, _ := s.machine.k3s("kubectl", "get", "nodes", "-o", "json")
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Status   struct {
				Conditions []struct{ Type, Status string }
			}
		}
	}
	if json.Unmarshal([]byte(out), &list) != nil {
		return nil
	}
	var names []string
	for _, node := range list.Items {
		for _, condition := range node.Status.Conditions {
			if condition.Type == "EtcdIsVoter" && condition.Status == "True" {
				names = append(names, node.Metadata.Name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// memberList asks etcd of which members it consists, as a joining server does.
func (s *member) memberList() []string {
	s.t.Helper()
	out := s.get("/db/info")
	var list struct {
		Members []struct{ Name string }
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	var names []string
	for _, each := range list.Members {
		names = append(names, each.Name)
	}
	slices.Sort(names)
	return names
}

// get asks with the server's password.
func (s *member) get(path string) string {
	s.t.Helper()
	c := &cluster{service: s.service, url: s.url(), caPEM: []byte(s.machine.read("data/server/tls/server-ca.crt"))}
	_, body := c.get(s.t, path, func(r *http.Request) { r.SetBasicAuth("server", serverSecret) })
	return body
}

func (s *member) waitVoters(names ...string) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("voting members %v", names), func() (bool, string) {
		got := s.voters()
		return slices.Equal(got, names), fmt.Sprint(got)
	})
}

func (s *member) etcdName() string { return s.machine.read("data/server/db/etcd/name") }

func (s *member) joins(other *member) *member {
	s.settings["server"] = other.url()
	delete(s.settings, "cluster-init")
	s.configure(s.settings)
	return s
}

func TestAClusterOfServersLives(t *testing.T) {
	t.Parallel()
	first := newMember(t, 1, map[string]any{"cluster-init": true}).up()
	first.waitReady()
	if name := first.etcdName(); !regexp.MustCompile(`^server-1-[0-9a-f]{8}$`).MatchString(name) {
		t.Errorf("the member's name is %q", name)
	}
	second, third := newMember(t, 2).joins(first).up(), newMember(t, 3).joins(first).up()
	second.waitReady()
	third.waitReady()
	all := []*member{first, second, third}
	first.waitVoters("server-1", "server-2", "server-3")
	for _, part := range []struct {
		name string
		test func(*testing.T, []*member)
	}{
		{"every server has the same authorities and objects", sameEverywhere},
		{"the cluster outlives a server, which comes back with its data", killedServer},
		{"a server whose Node is deleted leaves etcd and joins anew", deletedServer},
		{"a Node name that is taken is refused", takenServerName},
		{"servers that were all down start together", coldStart},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.test(t, all) }) {
			for _, each := range all {
				t.Logf("the log of %s ends:\n%s", each.name, each.tail())
			}
			return
		}
	}
}

func sameEverywhere(t *testing.T, all []*member) {
	for _, file := range []string{"server-ca.key", "client-ca.key", "etcd/peer-ca.key", "etcd/server-ca.key", "service.key"} {
		for _, each := range all[1:] {
			equal(t, all[0].machine.read("data/server/tls/"+file), each.machine.read("data/server/tls/"+file))
		}
	}
	all[1].kubectl("create", "configmap", "everywhere")
	all[2].kubectl("get", "configmap", "everywhere")
	for _, each := range all {
		node := &cluster{service: each.service}
		equal(t, "true", node.node(each.name, `{.metadata.labels.node-role\.kubernetes\.io/etcd}`))
		equal(t, each.etcdName(), node.node(each.name, `{.metadata.annotations.etcd\.k3s\.cattle\.io/node-name}`))
		equal(t, each.address, node.node(each.name, `{.metadata.annotations.etcd\.k3s\.cattle\.io/node-address}`))
	}
}

// knowsAddresses tells the cluster where its servers are: Kubernetes takes no loopback addresses.
func (s *member) knowsAddresses(all []*member) {
	s.t.Helper()
	dir := s.machine.path("data", "server", "tls", "etcd")
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "client.crt"), filepath.Join(dir, "client.key"))
	if err != nil {
		s.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(s.machine.read("data/server/tls/etcd/server-ca.crt")))
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{"https://" + s.address + ":2379"},
		TLS: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}})
	if err != nil {
		s.t.Fatal(err)
	}
	defer client.Close()
	var addresses []string
	for _, each := range all {
		addresses = append(addresses, each.address+":6443")
	}
	text, err := json.Marshal(addresses)
	if err == nil {
		_, err = client.Put(s.t.Context(), "k3s/apiaddresses", string(text))
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func killedServer(t *testing.T, all []*member) {
	first, second := all[0], all[1]
	second.knowsAddresses(all)
	m := newMachine(t)
	m.configure(map[string]any{"server": first.url(), "token": serverSecret, "node-name": "worker",
		"node-ip": "127.0.0.2", "kubelet-arg": m.kubelet("")})
	worker := m.start("agent")
	worker.waitLog("Updated load balancer server addresses")
	seen := &cluster{service: second.service}
	first.end(syscall.SIGKILL)
	seen.waitHeartbeat(t, "worker", time.Now())
	worker.end(syscall.SIGKILL)
	seen.waitNode(t, "worker", "Unknown")
	worker = m.start("agent") // its server is still down
	seen.waitNode(t, "worker", "True")
	eventually(t, "a write without the first server", func() (bool, string) {
		out, err := second.k3s("kubectl", "create", "configmap", "without")
		return err == nil, out
	})
	worker.end(syscall.SIGTERM)
	first.up().waitReady()
	first.kubectl("get", "configmap", "without")
	first.waitVoters("server-1", "server-2", "server-3")
}

func deletedServer(t *testing.T, all []*member) {
	first, third := all[0], all[2]
	before := third.etcdName()
	first.kubectl("delete", "node", third.name)
	equal(t, false, slices.Contains(first.memberList(), before))
	third.waitLog("This node has been removed from the cluster - please restart k3s to rejoin the cluster")
	third.end(syscall.SIGTERM)

	third.configure(third.settings, map[string]any{"server": ""})
	out, err := third.machine.k3s("server")
	if err == nil || !strings.Contains(out, "tombstone file has been detected but --server is empty") {
		t.Errorf("%v: %s", err, out)
	}
	third.joins(first).up().waitReady()
	if after := third.etcdName(); after == before || !slices.Contains(first.memberList(), after) {
		t.Errorf("the member is still %s; there are %v", after, first.memberList())
	}
	if backups, _ := filepath.Glob(third.machine.path("data/server/db/etcd-backup-*")); len(backups) != 1 {
		t.Errorf("backups: %v", backups)
	}
	first.waitVoters("server-1", "server-2", "server-3")
}

func takenServerName(t *testing.T, all []*member) {
	other := newMember(t, 4, map[string]any{"node-name": "server-3"}).joins(all[0])
	out, err := other.machine.k3s("server")
	if err != nil || !strings.Contains(out, "duplicate node name found, please use a unique name for this node") {
		t.Errorf("%v: %s", err, out)
	}
}

func coldStart(t *testing.T, all []*member) {
	for _, each := range all {
		each.end(syscall.SIGKILL)
	}
	for _, each := range all {
		each.up()
	}
	for _, each := range all {
		each.waitReady()
	}
	all[2].kubectl("get", "configmap", "everywhere")
}

func (s *member) has(name string) bool {
	_, err := s.k3s("kubectl", "get", "configmap", name)
	return err == nil
}

func (s *member) snapshot(arguments ...string) string {
	s.t.Helper()
	out, err := s.k3s(append([]string{"etcd-snapshot", arguments[0], "--etcd-server=" + s.url()}, arguments[1:]...)...)
	if err != nil {
		s.t.Fatalf("%v: %s", err, out)
	}
	return out
}

// TestDataMovesToEtcdAndBackToASnapshot is the life of one server's data.
func TestDataMovesToEtcdAndBackToASnapshot(t *testing.T) {
	t.Parallel()
	s := newMember(t, 9).up()
	s.waitReady()
	s.kubectl("create", "configmap", "of-sqlite")
	if out, err := s.k3s("etcd-snapshot", "save", "--etcd-server="+s.url()); err == nil || !strings.Contains(out, "etcd datastore disabled") {
		t.Errorf("%v: %s", err, out)
	}
	s.end(syscall.SIGTERM)

	s.configure(s.settings, map[string]any{"cluster-init": true})
	s.up().waitReady()
	equal(t, true, s.has("of-sqlite"))
	equal(t, true, s.exists("data/server/db/state.db.migrated"))
	equal(t, false, s.exists("data/server/db/state.db"))

	saved := regexp.MustCompile(`Snapshot (on-demand-server-9-\d+\.zip) saved\.`).FindStringSubmatch(s.snapshot("save", "--snapshot-compress"))
	if saved == nil {
		t.Fatal("no snapshot was saved")
	}
	file := s.machine.path("data", "server", "db", "snapshots", saved[1])
	if out := s.snapshot("ls"); !regexp.MustCompile(`(?m)^Name +Location +Size +Created\n` + saved[1] + ` +file://` + file + ` +\d+ +\d{4}-`).MatchString(out) {
		t.Error(out)
	}
	s.snapshot("save", "--name=other")
	if out := s.snapshot("prune", "--name=other", "--etcd-snapshot-retention=1"); strings.Contains(out, "deleted") {
		t.Error(out)
	}
	if out := s.snapshot("delete", "missing"); !strings.Contains(out, "Snapshot missing not found.") {
		t.Error(out)
	}
	s.kubectl("create", "configmap", "of-later")
	s.end(syscall.SIGTERM)

	s.refusesToRestoreWithAFileOfTheToken(file)

	const done = "Managed etcd cluster membership has been reset, restart without --cluster-reset flag now."
	for _, c := range []struct{ path, says string }{
		{"/missing", "etcd: snapshot path does not exist: /missing"}, {file, done},
		{"", "Managed etcd cluster membership was previously reset"},
	} {
		out, _ := s.k3s("server", "--cluster-reset", "--cluster-reset-restore-path="+c.path)
		if !strings.Contains(out, c.says) {
			t.Fatalf("%s: %s", c.path, out)
		}
	}
	before := s.etcdName()
	s.up().waitReady()
	equal(t, true, s.has("of-sqlite"))
	equal(t, false, s.has("of-later"))
	equal(t, before, s.etcdName())
	equal(t, false, s.exists("data/server/db/reset-flag"))
}

// refusesToRestoreWithAFileOfTheToken: k3s takes the token of a restore from its flag or its environment.
func (s *member) refusesToRestoreWithAFileOfTheToken(snapshot string) {
	s.machine.write("token-file", serverSecret)
	if err := os.Remove(s.machine.path("data", "server", "token")); err != nil {
		s.t.Fatal(err)
	}
	s.machine.configure(s.settings, map[string]any{"token": "", "token-file": s.machine.path("token-file")})
	out, err := s.k3s("server", "--cluster-reset", "--cluster-reset-restore-path="+snapshot)
	if err == nil || !strings.Contains(out, "server/token does not exist, please pass --token to complete the restoration") {
		s.t.Errorf("%v: %s", err, out)
	}
	s.machine.configure(s.settings)
}

func (s *member) exists(path string) bool {
	_, err := os.Stat(s.machine.path(path))
	return err == nil
}

// TestAServerWithOtherSettingsDoesNotJoin also has those that end for other reasons.
func TestAServerWithOtherSettingsDoesNotJoin(t *testing.T) {
	t.Parallel()
	first := newMember(t, 11, map[string]any{"cluster-init": true}).up()
	for number, c := range []struct {
		settings map[string]any
		says     string
	}{
		{map[string]any{"server": "https://" + loopbackOf(99) + ":6443"}, "failed to validate token: failed to get CA certs"},
		{map[string]any{"token": "wrong"}, "failed to bootstrap cluster data: not authorized"},
		{map[string]any{"token": "K10" + strings.Repeat("ab", 32) + "::server:" + serverSecret},
			"token CA hash does not match the Cluster CA certificate hash"},
		{map[string]any{"flannel-backend": "host-gw", "disable": "servicelb"},
			"failed to validate server configuration: critical configuration value mismatch between servers"},
	} {
		other := newMember(t, 12+number, map[string]any{"server": first.url()}, c.settings)
		if number > 0 {
			first.waitLog("Managed etcd cluster initializing")
		}
		var out string
		eventually(t, c.says, func() (bool, string) {
			var err error
			out, err = other.k3s("server")
			return err != nil && !strings.Contains(out, "failed to get CA certs") || number == 0, out
		})
		if !strings.Contains(out, c.says) || !strings.Contains(out, "level=fatal") {
			t.Errorf("%v: %s", c.settings, out)
		}
		if number == 3 && !(strings.Contains(out, "critical configuration mismatched: flannel-backend") &&
			strings.Contains(out, "critical configuration mismatched: disable-service-lb")) {
			t.Error(out)
		}
	}
}
