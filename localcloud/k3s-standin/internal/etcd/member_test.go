package etcd

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
)

func newMember(t *testing.T) *Member {
	t.Helper()
	return &Member{Dir: filepath.Join(t.TempDir(), "etcd"), TLS: "/tls", NodeName: "ip-10-0-0-1", Address: "10.0.0.1", Loopback: "127.0.0.1"}
}

func TestAMembersNameIsKeptUntilItIsRemoved(t *testing.T) {
	m := newMember(t)
	if err := m.Prepare(false); err != nil {
		t.Fatal(err)
	}
	first := m.Name()
	if nodeOf(first) != "ip-10-0-0-1" || len(first) != len("ip-10-0-0-1-01234567") {
		t.Errorf("the name is %s", first)
	}
	if err := m.Prepare(true); err != nil || m.Name() != first {
		t.Errorf("%v, %s", err, m.Name())
	}
	if err := os.WriteFile(m.path(tombstoneName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.Prepare(false); err == nil || !strings.Contains(err.Error(), "--server is empty") {
		t.Errorf("error %v", err)
	}
	if err := m.Prepare(true); err != nil || m.Name() == first {
		t.Errorf("%v, %s", err, m.Name())
	}
	if backups, _ := filepath.Glob(m.Dir + "-backup-*"); len(backups) != 1 {
		t.Errorf("backups %v", backups)
	}
}

func TestOnlyAFewBackupsAreKept(t *testing.T) {
	m := newMember(t)
	for _, name := range []string{"-backup-1", "-backup-2", "-backup-3", "-backup-4", "-backup-5", "-backup-6", ""} {
		if err := os.MkdirAll(m.Dir+name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.putAside(); err != nil {
		t.Fatal(err)
	}
	backups, err := filepath.Glob(m.Dir + "-backup-*")
	if err != nil || len(backups) != backupsKept+1 || backups[0] == m.Dir+"-backup-1" {
		t.Errorf("%v, %v", err, backups)
	}
}

func member(name, address string, learner bool) *etcdserverpb.Member {
	return &etcdserverpb.Member{Name: name, IsLearner: learner,
		PeerURLs: []string{"https://" + address + ":2380"}, ClientURLs: []string{"https://" + address + ":2379"}}
}

func TestAJoiningMemberKnowsItselfByItsAddress(t *testing.T) {
	m := newMember(t)
	m.name = "ip-10-0-0-1-aaaaaaaa"
	other := member("b-bbbbbbbb", "10.0.0.2", false)
	for _, c := range []struct {
		self    *etcdserverpb.Member
		known   bool
		cluster string
	}{
		{member("", "10.0.0.1", true), true, "b-bbbbbbbb=https://10.0.0.2:2380 ip-10-0-0-1-aaaaaaaa=https://10.0.0.1:2380"},
		{member("c-cccccccc", "10.0.0.3", false), false, "b-bbbbbbbb=https://10.0.0.2:2380 c-cccccccc=https://10.0.0.3:2380"},
	} {
		cluster, known, err := m.compare([]*etcdserverpb.Member{other, c.self})
		if err != nil || known != c.known || strings.Join(cluster, " ") != c.cluster {
			t.Errorf("%v, %t, %v", err, known, cluster)
		}
	}
}

func TestAnotherMemberOfTheSameNodeIsRefused(t *testing.T) {
	m := newMember(t)
	if err := m.Prepare(true); err != nil {
		t.Fatal(err)
	}
	_, _, err := m.compare([]*etcdserverpb.Member{member("ip-10-0-0-1-bbbbbbbb", "10.0.0.9", false)})
	if err == nil || err.Error() != "duplicate node name found, please use a unique name for this node" {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(m.path("name")); !os.IsNotExist(err) {
		t.Errorf("the name is still there: %v", err)
	}
}

func TestVotersAreAskedAndFirstTheServerThatIsJoined(t *testing.T) {
	m := newMember(t)
	got := m.clientURLs([]*etcdserverpb.Member{
		member("a", "10.0.0.1", false), member("b", "10.0.0.2", true), member("c", "10.0.0.3", false), member("d", "10.0.0.4", false),
	}, "10.0.0.4")
	if want := []string{"https://10.0.0.4:2379", "https://10.0.0.3:2379"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestEtcdListensForTheOthersAndDuringAResetForNobodyElse(t *testing.T) {
	m := newMember(t)
	for reset, want := range map[bool]string{
		false: "https://127.0.0.1:2379,https://10.0.0.1:2379", true: "https://127.0.0.1:2379",
	} {
		if got := m.defaults(reset)["listen-client-urls"]; got != want {
			t.Errorf("reset %t: %v, want %s", reset, got, want)
		}
	}
}

func TestAnArgumentReplacesASetting(t *testing.T) {
	m := newMember(t)
	m.ExtraArgs = []string{"heartbeat-interval=100", "--max-learners=2", "election-timeout=1000"}
	config, err := m.settings(initial{cluster: "a=https://10.0.0.1:2380", state: "new"}, false)
	if err != nil || config.TickMs != 100 || config.MaxLearners != 2 || config.InitialCluster != "a=https://10.0.0.1:2380" {
		t.Errorf("%v, %+v", err, config)
	}
	m.ExtraArgs = []string{"no-such-setting=1"}
	if _, err := m.settings(initial{}, false); err != nil {
		t.Logf("etcd refuses an unknown setting: %v", err)
	}
}

func TestADamagedSnapshotIsNotRestored(t *testing.T) {
	file := filepath.Join(t.TempDir(), "snapshot")
	for _, content := range [][]byte{nil, []byte("short"), bytes.Repeat([]byte("x"), 512+32)} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := copyVerified(file, file+".db"); err == nil {
			t.Errorf("%d bytes are restored", len(content))
		}
	}
}
