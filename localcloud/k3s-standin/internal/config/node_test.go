package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"k3s-aws/localcloud/k3s-standin/internal/pki"
)

func TestAnAgentThatHasJoinedNeedsNoToken(t *testing.T) {
	m := newMachine(t)
	if _, err := m.agent("--server=https://a:6443"); err == nil {
		t.Error("want an error before the agent has joined")
	}
	ca, err := pki.EnsureAuthority(t.TempDir(), "client-ca", "test", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(m.path("data/agent"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := ca.EnsureLeaf(m.path("data/agent"), "client-kubelet", pki.Leaf{CommonName: "a"}, time.Now); err != nil {
		t.Fatal(err)
	}
	if _, err := m.agent("--server=https://a:6443"); err != nil {
		t.Error(err)
	}
}

func TestOfTheServersURLOnlyTheHostAndThePortCount(t *testing.T) {
	for given, want := range map[string]string{
		"https://a:6443/": "https://a:6443", "https://a/path": "https://a", "http://a:6443": "http://a:6443",
	} {
		equal(t, want, newMachine(t).mustAgent("--server="+given).URL)
	}
}

func TestTheNodeIsNamedAfterTheHostInLowerCase(t *testing.T) {
	equal(t, "some-host-abcd1234", newMachine(t).mustAgent("--with-node-id").Name)
}

func TestExternalAddressesAreCheckedWhenTheNodeJoins(t *testing.T) {
	a := newMachine(t).mustAgent("--node-external-ip=127.44.1.2,x")
	if _, err := a.ParsedExternalIPs(); err == nil || err.Error() != "invalid node-external-ip: invalid ip format 'x'" {
		t.Errorf("error %v", err)
	}
}

func TestTheDataDirMayBeBelowTheHomeFolder(t *testing.T) {
	m := newMachine(t)
	t.Setenv("HOME", "/home/ada")
	for given, want := range map[string]string{"~/k3s": "/home/ada/k3s", "${HOME}/k3s": "/home/ada/k3s", "/a/../b": "/b"} {
		equal(t, want, m.mustAgent("--data-dir="+given).DataDir)
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
