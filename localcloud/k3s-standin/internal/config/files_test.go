package config

import (
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
)

func TestAValueIsWhatYAMLMakesOfIt(t *testing.T) {
	for given, want := range map[string]string{
		"0644": "420", "'0644'": "0644", "1e3": "1000", "yes": "true", "'yes'": "yes", "0x10": "16", "~": "",
		"' padded '": "padded", "2001-01-01": "2001-01-01", "1.50": "1.5", "[]": "default", "[a, b]": "b",
		"[[a, b]]": "a", "{a: 1}": "[{a 1}]", "190:20:30": "190:20:30",
	} {
		m := newMachine(t)
		m.file("config.yaml", "service-node-port-range: "+given)
		if got := m.parsed(ServerRole).String("service-node-port-range"); got != want && (want != "default" || got != "30000-32767") {
			t.Errorf("%s: got %q, want %q", given, got, want)
		}
	}
}

func TestDropInsFollowTheMainFileInAlphabeticalOrder(t *testing.T) {
	m := newMachine(t)
	m.file("config.yaml", "node-name: main\nnode-label: [a=1]\n")
	m.file("config.yaml.d/20-b.YAML", "node-name: second\n")
	m.file("config.yaml.d/10-a.yml", "node-name: first\n")
	m.file("config.yaml.d/30-c.txt", "node-name: ignored\n")
	m.file("config.yaml.d/40-d.yaml/e.yaml", "node-name: ignored\n")
	c := m.parsed(AgentRole)
	equal(t, "second", c.String("node-name"))
	equal(t, []string{"a=1"}, c.StringSlice("node-label"))
}

func TestDropInsAreReadWithoutAMainFile(t *testing.T) {
	m := newMachine(t)
	m.file("config.yaml.d/10-a.yaml", "node-name: a\n")
	equal(t, "a", m.parsed(AgentRole).String("node-name"))
}

func TestAKeyReplacesAndAPlusAppendsToWhatEarlierFilesHave(t *testing.T) {
	m := newMachine(t)
	m.file("config.yaml", "node-label: [a=1]\nnode-taint: [x=y:NoSchedule]\nnode-name: one\nkubelet-arg+: [v=1]\n")
	m.file("config.yaml.d/10.yaml", "node-label+: [b=2]\nnode-taint: [z=y:NoSchedule]\nnode-name+: two\n")
	m.file("config.yaml.d/20.yaml", "node-label+: c=3\n")
	c := m.parsed(AgentRole)
	equal(t, []string{"a=1", "b=2", "c=3"}, c.StringSlice("node-label"))
	equal(t, []string{"z=y:NoSchedule"}, c.StringSlice("node-taint"))
	equal(t, []string{"v=1"}, c.StringSlice("kubelet-arg"))
	equal(t, "two", c.String("node-name"))
}

func TestTheFilesComeBeforeTheArgumentsAndTheEnvironmentIsTheLastChoice(t *testing.T) {
	m := newMachine(t)
	t.Setenv("K3S_TOKEN", "environment")
	t.Setenv("K3S_URL", "https://environment:6443")
	t.Setenv("K3S_NODE_NAME", "environment")
	m.file("config.yaml", "server: https://file:6443\nnode-name: file\nnode-label: [a=1, b=2]\n")
	c := m.parsed(AgentRole, "--node-name", "argument", "--node-label=c=3")
	equal(t, "environment", c.String("token"))
	equal(t, "https://file:6443", c.String("server"))
	equal(t, "argument", c.String("node-name"))
	equal(t, []string{"a=1", "b=2", "c=3"}, c.StringSlice("node-label"))
}

func TestAServerSkipsUnknownKeysOfItsFilesWithAWarning(t *testing.T) {
	m := newMachine(t)
	hook := logtest.NewGlobal()
	t.Cleanup(func() { logrus.StandardLogger().ReplaceHooks(logrus.LevelHooks{}) })
	m.file("config.yaml", "disable-apiserver-lb: true\nnode-name: a\nnonsense: [1, 2]\n")
	equal(t, "a", m.mustServer().Name)
	var logged []string
	for _, entry := range hook.AllEntries() {
		logged = append(logged, entry.Level.String()+" "+entry.Message)
	}
	equal(t, []string{
		"warning Unknown flag --disable-apiserver-lb found in config.yaml, skipping\n",
		"warning Unknown flag --nonsense found in config.yaml, skipping\n",
		"warning Unknown flag --nonsense found in config.yaml, skipping\n",
	}, logged)
}

func TestTheEnvironmentNamesTheFileBeforeTheArguments(t *testing.T) {
	m := newMachine(t)
	m.file("config.yaml", "node-name: default\n")
	other := m.file("other.yaml", "node-name: other\n")
	equal(t, "default", m.parsed(AgentRole).String("node-name"))
	for _, args := range [][]string{{"--config", other}, {"-c", other}, {"--config=" + other}, {"-c=" + other}} {
		equal(t, "other", m.parsed(AgentRole, args...).String("node-name"))
	}
	t.Setenv(environmentFile, m.file("third.yaml", "node-name: third\n"))
	equal(t, "third", m.parsed(AgentRole, "--config", other).String("node-name"))
}

func TestANamedFileThatDoesNotExistIsNone(t *testing.T) {
	m := newMachine(t)
	m.file("config.yaml", "node-name: default\n")
	equal(t, "", m.parsed(AgentRole, "--config", m.path("missing.yaml")).String("node-name"))
}

func TestAFileThatCannotBeReadEndsTheCommand(t *testing.T) {
	m := newMachine(t)
	m.file("config.yaml/a", "")
	if _, err := m.server(); err == nil || !strings.HasSuffix(err.Error(), "config.yaml: is a directory") {
		t.Errorf("error %v", err)
	}
}
