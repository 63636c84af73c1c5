package config

import (
	"maps"
	"slices"
	"testing"
)

func TestAListIsNotSplitAtItsCommas(t *testing.T) {
	m := newMachine(t)
	m.file("config.yaml", "kubelet-arg: 'eviction-hard=a<1,b<2'\n")
	equal(t, []string{"eviction-hard=a<1,b<2"}, m.parsed(AgentRole).StringSlice("kubelet-arg"))
}

func TestTheOlderNameOfAFlagAddsToTheNewer(t *testing.T) {
	m := newMachine(t)
	m.file("config.yaml", "kube-controller-arg: [a=1]\nkube-controller-manager-arg: [b=2]\n")
	equal(t, []string{"a=1", "b=2"}, m.mustServer().ControllerArgs)
}

func TestFlagsAreTheTableUpToTheImitatedVersion(t *testing.T) {
	names := map[Role][]string{}
	for _, role := range []Role{ServerRole, AgentRole} {
		for _, flag := range Flags(role) {
			names[role] = append(names[role], flag.Names()[0])
		}
	}
	equal(t, true, slices.Contains(names[ServerRole], "flannel-backend"))
	equal(t, false, slices.Contains(names[AgentRole], "flannel-backend"))
	equal(t, true, slices.Contains(names[AgentRole], "disable-apiserver-lb"))
	equal(t, false, slices.Contains(names[ServerRole], "write-kubeconfig-name"))
	known := slices.Collect(maps.Keys(table))
	for name := range acts {
		if !slices.Contains(known, name) {
			t.Errorf("the table has no %s", name)
		}
	}
	for name := range defaults {
		if !slices.Contains(known, name) {
			t.Errorf("the table has no %s", name)
		}
	}
}

func TestFlagsOnWhichTheStandinDoesNotActAreListed(t *testing.T) {
	m := newMachine(t)
	m.file("config.yaml", "secrets-encryption: true\ndisable: [traefik]\nflannel-backend: host-gw\nnode-name: a\n")
	equal(t, []string{"disable", "flannel-backend", "secrets-encryption"}, Inert(m.parsed(ServerRole)))
}
