package config

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/urfave/cli/v2"
)

// machine is a folder of configuration files; the environment is the process's, without k3s's variables.
type machine struct {
	t   *testing.T
	dir string
}

func newMachine(t *testing.T) machine {
	t.Helper()
	for _, variable := range slices.Concat([]string{environmentFile}, environments()) {
		t.Setenv(variable, "")
		if err := os.Unsetenv(variable); err != nil {
			t.Fatal(err)
		}
	}
	return machine{t: t, dir: t.TempDir()}
}

func environments() []string {
	var all []string
	for _, flag := range table {
		if flag.Environment != "" {
			all = append(all, flag.Environment)
		}
	}
	return all
}

func (m machine) path(name string) string { return filepath.Join(m.dir, name) }

func (m machine) file(name, content string) string {
	m.t.Helper()
	path := m.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		m.t.Fatal(err)
	}
	return path
}

// with parses the files, the environment and arguments, and calls use with the result.
func (m machine) with(ctx context.Context, use func(*cli.Context) error, role Role, args ...string) error {
	all, err := Arguments(slices.Concat([]string{"k3s", string(role)}, args), m.path("config.yaml"))
	if err != nil {
		return err
	}
	app := &cli.App{
		Name: "k3s", Writer: io.Discard, DisableSliceFlagSeparator: true, Flags: GlobalFlags(),
		Commands: []*cli.Command{{Name: string(role), Flags: Flags(role), Action: use}},
	}
	return app.RunContext(ctx, all)
}

func (m machine) parsed(role Role, args ...string) *cli.Context {
	m.t.Helper()
	var parsed *cli.Context
	err := m.with(m.t.Context(), func(c *cli.Context) error {
		parsed = c
		return nil
	}, role, args...)
	if err != nil {
		m.t.Fatal(err)
	}
	return parsed
}

func (m machine) paths() Paths {
	return Paths{Kubeconfig: m.path("k3s.yaml"), NodeDir: m.path("node"), DataDir: m.path("data")}
}

func host() Host {
	return Host{
		Name:    func() (string, error) { return "Some-Host", nil },
		Address: func() net.IP { return net.IPv4(10, 64, 0, 10) },
		NodeID:  func(string) (string, error) { return "abcd1234", nil },
	}
}

func (m machine) server(args ...string) (s *Server, err error) {
	err = m.with(m.t.Context(), func(c *cli.Context) error {
		s, err = NewServer(c, m.paths(), host())
		return err
	}, ServerRole, args...)
	return s, err
}

func (m machine) mustServer(args ...string) *Server {
	m.t.Helper()
	s, err := m.server(args...)
	if err != nil {
		m.t.Fatal(err)
	}
	return s
}

func (m machine) agent(args ...string) (a *Agent, err error) {
	err = m.with(m.t.Context(), func(c *cli.Context) error {
		a, err = NewAgent(c, m.paths(), host())
		return err
	}, AgentRole, args...)
	return a, err
}

func (m machine) mustAgent(args ...string) *Agent {
	m.t.Helper()
	a, err := m.agent(slices.Concat([]string{"--token=x", "--server=https://a:6443"}, args)...)
	if err != nil {
		m.t.Fatal(err)
	}
	return a
}

func equal(t *testing.T, want, got any) {
	t.Helper()
	if !reflect.DeepEqual(want, got) {
		t.Errorf("got %#v, want %#v", got, want)
	}
}
