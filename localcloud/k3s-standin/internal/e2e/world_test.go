// Package e2e runs the program as processes of this machine, on loopback, in folders of its own.
package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"k3s-aws/localcloud/k3s-standin/internal/cli"
	"k3s-aws/localcloud/k3s-standin/internal/config"
	"k3s-aws/localcloud/k3s-standin/internal/etcd"
	"k3s-aws/localcloud/k3s-standin/internal/pki"
	"k3s-aws/localcloud/k3s-standin/internal/server"
	"k3s-aws/localcloud/k3s-standin/internal/token"
)

const (
	homeVariable     = "K3S_STANDIN_TEST_HOME"
	loopbackVariable = "K3S_STANDIN_TEST_LOOPBACK"
	deadline         = 120 * time.Second
)

// TestMain lets the test binary be the program: linking a second one takes longer than the tests.
func TestMain(m *testing.M) {
	if home := os.Getenv(homeVariable); home != "" {
		etcd.ManageEvery, etcd.TestEvery = 2*time.Second, 500*time.Millisecond
		server.LeaseDuration, server.RenewDeadline, server.RetryPeriod = 6*time.Second, 5*time.Second, time.Second
		os.Exit(cli.Main(os.Args, paths(home)))
	}
	os.Exit(m.Run())
}

// paths puts what k3s keeps in /etc and /var into one folder per machine.
func paths(home string) config.Paths {
	return config.Paths{
		ConfigFile: filepath.Join(home, "config.yaml"), Kubeconfig: filepath.Join(home, "k3s.yaml"),
		NodeDir: filepath.Join(home, "node"), DataDir: filepath.Join(home, "data"),
		Loopback: os.Getenv(loopbackVariable),
	}
}

// machine is a folder in which the program runs.
type machine struct {
	t        *testing.T
	home     string
	loopback string // its own: all machines here share one
}

func newMachine(t *testing.T) machine {
	t.Helper()
	return machine{t: t, home: t.TempDir(), loopback: "127.0.0.1"}
}

func (m machine) path(parts ...string) string {
	return filepath.Join(append([]string{m.home}, parts...)...)
}

func (m machine) write(path, content string) {
	m.t.Helper()
	path = m.path(path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func (m machine) read(path string) string {
	m.t.Helper()
	raw, err := os.ReadFile(m.path(path))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(raw)
}

// configure writes the configuration file; later settings replace earlier ones.
func (m machine) configure(settings ...map[string]any) {
	m.t.Helper()
	merged := map[string]any{}
	for _, each := range settings {
		maps.Copy(merged, each)
	}
	text, err := json.Marshal(merged)
	if err != nil {
		m.t.Fatal(err)
	}
	m.write("config.yaml", string(text))
}

func (m machine) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, os.Args[0])
	c.Args = append([]string{"k3s"}, args...)
	c.Env = []string{homeVariable + "=" + m.home, loopbackVariable + "=" + m.loopback, "HOME=" + m.home, "PATH=" + os.Getenv("PATH")}
	return c
}

// k3s runs a command to its end and gives what it printed.
func (m machine) k3s(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	out, err := m.command(ctx, args...).CombinedOutput()
	return string(out), err
}

func (m machine) kubectl(args ...string) string {
	m.t.Helper()
	out, err := m.k3s(append([]string{"kubectl"}, args...)...)
	if err != nil {
		m.t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// service is a running `k3s server` or `k3s agent`, as systemd would see it.
type service struct {
	machine
	process *exec.Cmd
	log     string
	ready   chan struct{} // closed with READY=1
	ended   chan struct{}
}

func (m machine) start(command string) *service {
	m.t.Helper()
	s := &service{machine: m, log: m.path(command + ".log"), ready: make(chan struct{}), ended: make(chan struct{})}
	s.process = m.command(context.Background(), command)
	s.process.Env = append(s.process.Env, "NOTIFY_SOCKET="+s.listen())
	file, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		m.t.Fatal(err)
	}
	s.process.Stdout, s.process.Stderr = file, file
	if err := s.process.Start(); err != nil {
		m.t.Fatal(err)
	}
	file.Close()
	go func() { _ = s.process.Wait(); close(s.ended) }()
	m.t.Cleanup(func() { s.end(syscall.SIGKILL) })
	return s
}

// listen is systemd's side of sd_notify. Socket paths are short, so it is not in the test's folder.
func (s *service) listen() string {
	dir, err := os.MkdirTemp("", "k3s-notify-")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { os.RemoveAll(dir) })
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unixgram"})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { socket.Close() })
	go func() {
		message := make([]byte, 512)
		for {
			n, err := socket.Read(message)
			if err != nil {
				return
			}
			if bytes.Contains(message[:n], []byte("READY=1")) {
				close(s.ready)
				return
			}
		}
	}()
	return filepath.Join(dir, "s")
}

func (s *service) waitReady() {
	s.t.Helper()
	select {
	case <-s.ready:
	case <-s.ended:
		s.t.Fatalf("ended before it was ready:\n%s", s.tail())
	case <-time.After(deadline):
		s.t.Fatalf("not ready after %s:\n%s", deadline, s.tail())
	}
}

// end sends a signal and gives the time until the process was gone.
func (s *service) end(with syscall.Signal) time.Duration {
	s.t.Helper()
	began := time.Now()
	_ = s.process.Process.Signal(with)
	select {
	case <-s.ended:
	case <-time.After(deadline):
		s.t.Fatalf("still running %s after %s", deadline, with)
	}
	return time.Since(began)
}

func (s *service) tail() string {
	raw, _ := os.ReadFile(s.log)
	return string(raw[max(0, len(raw)-4000):])
}

func (s *service) waitLog(text string) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%q in %s", text, s.log), func() (bool, string) {
		raw, _ := os.ReadFile(s.log)
		return bytes.Contains(raw, []byte(text)), s.tail()
	})
}

// eventually asks until the answer is yes; the last state explains a no.
func eventually(t *testing.T, what string, ask func() (bool, string)) {
	t.Helper()
	var state string
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		var yes bool
		if yes, state = ask(); yes {
			return
		}
	}
	t.Fatalf("no %s within %s; last seen:\n%s", what, deadline, state)
}

// cluster is a server with an authority and tokens made before it.
type cluster struct {
	*service
	url    string
	caPEM  []byte
	client *pki.Authority
}

const (
	serverSecret = "server-secret"
	agentSecret  = "agent-secret"
	serverName   = "demo-servers-1a2b3c4d"
)

// newCluster starts a server; more are settings beside the usual ones.
func newCluster(t *testing.T, more ...map[string]any) *cluster {
	t.Helper()
	m := newMachine(t)
	dir := m.path("data", "server", "tls")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	authority, err := pki.EnsureAuthority(dir, "server-ca", "placed-server-ca", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	client, err := pki.EnsureAuthority(dir, "client-ca", "placed-client-ca", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	m.write("token", serverSecret+"\n")
	m.write("agent-token", agentSecret+"\n")
	m.configure(append([]map[string]any{{
		"node-name": serverName, "https-listen-port": port, "node-ip": "127.0.0.1",
		"token-file": m.path("token"), "agent-token-file": m.path("agent-token"), "tls-san": []string{"api.example"},
		"disable": []string{"traefik"}, "secrets-encryption": true, "flannel-backend": "host-gw",
		"kube-controller-manager-arg": []string{"node-monitor-grace-period=4s", "node-monitor-period=1s"},
		"kubelet-arg":                 m.kubelet(""),
	}}, more...)...)
	return &cluster{service: m.start("server"), url: fmt.Sprintf("https://127.0.0.1:%d", port), caPEM: authority.PEM, client: client}
}

// kubelet writes a kubelet's configuration, which makes a dead node show soon, and gives the arguments that
// name it. No node here serves its health, unless an argument has a port: they share one machine.
func (m machine) kubelet(more string, args ...string) []string {
	m.t.Helper()
	m.write("kubelet.yaml", "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"+
		"nodeLeaseDurationSeconds: 4\nnodeStatusUpdateFrequency: 1s\nhealthzPort: 0\n"+more)
	return append([]string{"config=" + m.path("kubelet.yaml"), "fail-cgroupv1=false"}, args...)
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func (c *cluster) token(t *testing.T, password string) string {
	t.Helper()
	full, err := token.Format("node", password, c.caPEM)
	if err != nil {
		t.Fatal(err)
	}
	return full
}

// agent starts an agent on a machine; more are settings in the place of the usual ones.
func (c *cluster) agent(t *testing.T, m machine, name, password string, more ...map[string]any) *service {
	t.Helper()
	usual := map[string]any{
		"server": c.url, "token": c.token(t, password), "node-name": name, "node-ip": "127.0.0.2",
		"node-external-ip": "127.44.1.2", "node-label": []string{"tier=web"},
		"node-taint": []string{"spare=true:PreferNoSchedule"},
	}
	if len(more) == 0 {
		usual["kubelet-arg"] = m.kubelet("", "provider-id=aws:///us-east-1a/i-0123")
	}
	m.configure(append([]map[string]any{usual}, more...)...)
	return m.start("agent")
}

// get asks the server's port, as nobody, as a user with a password or with a client certificate.
func (c *cluster) get(t *testing.T, path string, prepare func(*http.Request), certificates ...tls.Certificate) (int, string) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(c.caPEM)
	client := http.Client{Timeout: deadline, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certificates},
	}}
	request, err := http.NewRequest(http.MethodGet, c.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if prepare != nil {
		prepare(request)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// status asks as `user:password` and gives the code only.
func (c *cluster) status(t *testing.T, path, credential string) int {
	t.Helper()
	user, password, _ := strings.Cut(credential, ":")
	code, _ := c.get(t, path, func(r *http.Request) { r.SetBasicAuth(user, password) })
	return code
}

func (c *cluster) node(name, path string) string {
	c.t.Helper()
	out, _ := c.k3s("kubectl", "get", "node", name, "-o", "jsonpath="+path)
	return out
}

const readyStatus = `{.status.conditions[?(@.type=="Ready")].status}`

func (c *cluster) waitNode(t *testing.T, name, status string) {
	t.Helper()
	eventually(t, fmt.Sprintf("Ready=%s of node %s", status, name), func() (bool, string) {
		got := c.node(name, readyStatus)
		return got == status, got
	})
}

// waitHeartbeat waits until a node has renewed its lease. A new one has none for a moment.
func (c *cluster) waitHeartbeat(t *testing.T, name string, since time.Time) {
	t.Helper()
	eventually(t, "heartbeat of "+name+" since", func() (bool, string) {
		out, err := c.k3s("kubectl", "get", "lease", name, "-n", "kube-node-lease", "-o", "jsonpath={.spec.renewTime}")
		if err != nil {
			return false, out
		}
		renewed, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(out))
		return err == nil && renewed.After(since), out
	})
}
