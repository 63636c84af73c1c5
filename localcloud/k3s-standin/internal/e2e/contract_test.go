package e2e

import (
	"crypto/tls"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"k3s-aws/localcloud/k3s-standin/internal/pki"
)

func equal(t *testing.T, want, got any) {
	t.Helper()
	if want != got {
		t.Errorf("want %v, got %v", want, got)
	}
}

// TestTheContract goes through a cluster's life on one server, because each start costs seconds.
func TestTheContract(t *testing.T) {
	c := newCluster(t)
	c.write("data/server/manifests/first.yaml", firstManifest)
	c.write("data/server/manifests/skipped.yaml", "kind: ConfigMap\napiVersion: v1\nmetadata: {name: skipped}\n")
	c.write("data/server/manifests/skipped.yaml.skip", "")
	c.waitReady()
	for _, part := range []struct {
		name string
		test func(*testing.T, *cluster)
	}{
		{"nodes may join a server that said it is ready", readyForNodes},
		{"the server's files have the places and modes of k3s", serverFiles},
		{"anybody is told who the server is and nothing else", anonymous},
		{"the agent token opens to agents what they need", joinToken},
		{"a client certificate made beforehand works", clientCertificate},
		{"the server is a node of the control plane", serverNode},
		{"manifests are applied and HelmCharts accepted", firstManifests},
		{"a client certificate is signed once it is approved, and lasts as long as was asked", signedCertificate},
		{"an agent joins, runs pods and goes", agentLife},
		{"a wrong token is refused", wrongToken},
		{"a name that is taken is refused until its Node is deleted", takenName},
		{"a Node deleted under a running agent comes back with the next start", deletedNode},
		{"an agent whose kubelet is refused ends, and systemd is to start it again", refusedKubelet},
		{"a new manifest is found", laterManifest},
		{"a restart keeps everything", restart},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.test(t, c) }) {
			t.Logf("the server's log ends:\n%s", c.tail())
			return
		}
	}
}

const firstManifest = `
kind: Namespace
apiVersion: v1
metadata: {name: demo}
---
kind: ConfigMap
apiVersion: v1
metadata: {name: first, namespace: demo}
---
kind: HelmChart
apiVersion: helm.cattle.io/v1
metadata: {name: chart, namespace: kube-system}
spec: {chart: nginx, repo: "https://charts.example", set: {replicas: 2}, valuesContent: "a: b"}
---
kind: HelmChartConfig
apiVersion: helm.cattle.io/v1
metadata: {name: chart, namespace: kube-system}
spec: {valuesContent: "a: b"}
`

func readyForNodes(t *testing.T, c *cluster) {
	code, _ := c.get(t, "/v1-k3s/readyz", func(r *http.Request) { r.SetBasicAuth("node", agentSecret) })
	equal(t, http.StatusOK, code)
	if kubeconfig := c.read("k3s.yaml"); !strings.Contains(kubeconfig, c.url) {
		t.Errorf("k3s.yaml does not name %s", c.url)
	}
}

func serverFiles(t *testing.T, c *cluster) {
	for path, mode := range map[string]os.FileMode{
		"k3s.yaml": 0o600, "data/server/token": 0o600, "data/server/agent-token": 0o600, "node/password": 0o600,
	} {
		eventually(t, path, func() (bool, string) {
			info, err := os.Stat(c.path(path))
			return err == nil && info.Mode().Perm() == mode, path
		})
	}
	equal(t, strings.Replace(c.token(t, serverSecret), "node:", "server:", 1)+"\n", c.read("data/server/token"))
	equal(t, c.read("data/server/token"), c.read("data/server/node-token"))
	equal(t, c.token(t, agentSecret)+"\n", c.read("data/server/agent-token"))
	if kubeconfig := c.read("k3s.yaml"); !strings.Contains(kubeconfig, "server: "+c.url) {
		t.Errorf("k3s.yaml does not name %s", c.url)
	}
}

func anonymous(t *testing.T, c *cluster) {
	_, body := c.get(t, "/ping", nil)
	equal(t, "pong", body)
	_, body = c.get(t, "/cacerts", nil)
	equal(t, string(c.caPEM), body)
	for path, want := range map[string]int{"/readyz": 401, "/livez": 401, "/api": 401, "/v1-k3s/readyz": 403} {
		code, _ := c.get(t, path, nil)
		if code != want {
			t.Errorf("%s: %d, want %d", path, code, want)
		}
	}
}

// joinToken: with an agent token of its own, k3s lets no agent in with the server's password.
func joinToken(t *testing.T, c *cluster) {
	for credential, want := range map[string]int{
		"node:" + agentSecret: 200, "node:" + serverSecret: 401, "server:" + agentSecret: 401, "node:wrong": 401,
	} {
		if code := c.status(t, "/v1-k3s/readyz", credential); code != want {
			t.Errorf("%s: %d, want %d", credential, code, want)
		}
	}
}

func clientCertificate(t *testing.T, c *cluster) {
	dir := t.TempDir()
	operator := pki.Leaf{CommonName: "k3s-aws-operator", Organizations: []string{"system:masters"}}
	if err := c.client.EnsureLeaf(dir, "operator", operator, time.Now); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(dir+"/operator.crt", dir+"/operator.key")
	if err != nil {
		t.Fatal(err)
	}
	code, body := c.get(t, "/readyz", nil, pair)
	equal(t, "ok", body)
	equal(t, 200, code)
	if code, _ := c.get(t, "/api/v1/namespaces/kube-system/secrets", nil, pair); code != 200 {
		t.Errorf("secrets: %d", code)
	}
}

func serverNode(t *testing.T, c *cluster) {
	c.waitNode(t, serverName, "True")
	eventually(t, "the control plane's label", func() (bool, string) {
		got := c.node(serverName, `{.metadata.labels.node-role\.kubernetes\.io/control-plane}`)
		return got == "true", got
	})
	equal(t, "k3s://"+serverName, c.node(serverName, "{.spec.providerID}"))
}

func firstManifests(t *testing.T, c *cluster) {
	eventually(t, "object of the manifest", func() (bool, string) {
		out, err := c.k3s("kubectl", "get", "configmap/first", "-n", "demo")
		return err == nil, out
	})
	eventually(t, "HelmChart", func() (bool, string) {
		out, err := c.k3s("kubectl", "get", "helmchart/chart", "helmchartconfig/chart", "-n", "kube-system")
		return err == nil, out
	})
	c.waitLog("HelmChart chart is stored and not rendered")
	if out, err := c.k3s("kubectl", "get", "configmap/skipped"); err == nil {
		t.Errorf("the skipped manifest was applied: %s", out)
	}
}

func agentLife(t *testing.T, c *cluster) {
	a := c.agent(t, newMachine(t), "demo-agents-00000001", agentSecret)
	c.waitNode(t, "demo-agents-00000001", "True")
	for path, want := range map[string]string{
		"{.spec.providerID}":                                   "aws:///us-east-1a/i-0123",
		"{.metadata.labels.tier}":                              "web",
		"{.spec.taints[0].key}":                                "spare",
		`{.status.addresses[?(@.type=="InternalIP")].address}`: "127.0.0.2",
		`{.status.addresses[?(@.type=="ExternalIP")].address}`: "127.44.1.2",
		"{.status.nodeInfo.kubeletVersion}":                    "v1.36.4+standin1",
	} {
		equal(t, want, c.node("demo-agents-00000001", path))
	}
	c.kubectl("create", "deployment", "web", "--image=nginx", "--replicas=3")
	c.kubectl("rollout", "status", "deployment/web", "--timeout=20s")
	ips := strings.Fields(c.kubectl("get", "pods", "-o", "jsonpath={.items[*].status.podIP}"))
	if len(ips) != 3 || ips[0] == ips[1] || !strings.HasPrefix(ips[0], "10.42.") {
		t.Errorf("addresses of the pods: %v", ips)
	}
	c.kubectl("drain", "demo-agents-00000001", "--ignore-daemonsets", "--timeout=20s")
	c.kubectl("delete", "deployment", "web", "--timeout=20s")
	eventually(t, "end of the pods", func() (bool, string) {
		out := c.kubectl("get", "pods", "-o", "name")
		return out == "", out
	})
	if took := a.end(syscall.SIGTERM); took > 10*time.Second {
		t.Errorf("the agent took %s to end", took)
	}
	c.waitNode(t, "demo-agents-00000001", "Unknown")
}

func wrongToken(t *testing.T, c *cluster) {
	a := c.agent(t, newMachine(t), "demo-agents-00000002", "wrong")
	a.waitLog("Waiting to retrieve agent configuration; server is not ready: " +
		"failed to retrieve configuration from server: not authorized")
	a.end(syscall.SIGTERM)
	equal(t, "", strings.TrimSpace(c.kubectl("get", "node", "demo-agents-00000002", "--ignore-not-found")))
}

func takenName(t *testing.T, c *cluster) {
	const name = "demo-agents-00000001"
	c.kubectl("get", "secret", "-n", "kube-system", name+".node-password.k3s")
	second := newMachine(t)
	a := c.agent(t, second, name, agentSecret)
	a.waitLog("Node password rejected, duplicate hostname or contents of '" + second.path("node", "password") +
		"' may not match server node-passwd entry, try enabling a unique node name with the --with-node-id flag")
	c.kubectl("delete", "node", name)
	c.waitNode(t, name, "True")
	a.end(syscall.SIGTERM)
}

func deletedNode(t *testing.T, c *cluster) {
	const name = "demo-agents-00000003"
	m := newMachine(t)
	a := c.agent(t, m, name, agentSecret)
	c.waitNode(t, name, "True")
	c.kubectl("delete", "node", name)
	a.waitLog("Error getting the current node from lister: node")
	equal(t, "", strings.TrimSpace(c.kubectl("get", "node", name, "--ignore-not-found")))
	a.end(syscall.SIGTERM)
	m.start("agent")
	c.waitNode(t, name, "True")
}

// refusedKubelet: k3s ends with the status 0 for what it notices after its start.
func refusedKubelet(t *testing.T, c *cluster) {
	a := c.agent(t, newMachine(t), "demo-agents-00000005", agentSecret, map[string]any{"kubelet-arg": "no-such-flag=1"})
	a.waitLog(`level=error msg="Shutdown request received: \"kubelet exited: failed to parse kubelet flag: unknown flag: --no-such-flag\""`)
	<-a.ended
	equal(t, 0, a.process.ProcessState.ExitCode())
	equal(t, "", strings.TrimSpace(c.kubectl("get", "node", "demo-agents-00000005", "--ignore-not-found")))
}

func laterManifest(t *testing.T, c *cluster) {
	c.write("data/server/manifests/sub/later.json", `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"later"}}`)
	eventually(t, "object of the later manifest", func() (bool, string) {
		out, err := c.k3s("kubectl", "get", "configmap/later", "-n", "default")
		return err == nil, out
	})
	// What has left the file goes.
	c.write("data/server/manifests/sub/later.json", `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"latest"}}`)
	eventually(t, "only what the later manifest still holds", func() (bool, string) {
		out, err := c.k3s("kubectl", "get", "configmaps", "-n", "default", "-o", "name")
		return err == nil && strings.Contains(out, "configmap/latest") && !strings.Contains(out, "configmap/later\n"), out
	})
}

// restart ends the server twice: as systemd does, and as a power cut does.
func restart(t *testing.T, c *cluster) {
	const name = "demo-agents-00000004"
	kubeconfig := c.read("k3s.yaml")
	c.agent(t, newMachine(t), name, agentSecret)
	c.waitNode(t, name, "True")
	if took := c.end(syscall.SIGTERM); took > 10*time.Second {
		t.Errorf("the server took %s to end", took)
	}
	c.service = c.start("server")
	c.waitReady()
	c.kubectl("create", "configmap", "written-before-the-kill", "-n", "demo")
	c.end(syscall.SIGKILL)
	c.service = c.start("server")
	c.waitReady()
	back := time.Now()
	c.kubectl("get", "configmap", "first", "written-before-the-kill", "-n", "demo")
	equal(t, kubeconfig, c.read("k3s.yaml"))
	c.waitNode(t, serverName, "True")
	// Its condition stays True for a while whether it lives or not.
	c.waitHeartbeat(t, name, back)
	c.waitNode(t, name, "True")
}

func TestTheVersionIsTwoLinesLikeThoseOfK3s(t *testing.T) {
	out, err := newMachine(t).k3s("--version")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if err != nil || len(lines) != 2 || lines[0] != "k3s version v1.36.4+standin1 (standin)" ||
		!strings.HasPrefix(lines[1], "go version go1.") {
		t.Errorf("%v, %q", err, out)
	}
}

func TestAServerThatCannotStartSaysWhy(t *testing.T) {
	m := newMachine(t)
	m.configure(map[string]any{"datastore-endpoint": "mysql://x", "cluster-init": true})
	out, err := m.k3s("server")
	if err == nil || !strings.Contains(out, "level=fatal") || !strings.Contains(out, "datastore-endpoint is not available") {
		t.Errorf("%v, %q", err, out)
	}
}

func TestAnAgentRefusesTheKeysOfAServer(t *testing.T) {
	m := newMachine(t)
	m.configure(map[string]any{"server": "https://127.0.0.1:1", "token": "secret", "flannel-backend": "host-gw"})
	out, err := m.k3s("agent")
	for _, want := range []string{
		"Incorrect Usage: flag provided but not defined: -flannel-backend\n",
		`level=fatal msg="Error: flag provided but not defined: -flannel-backend"`,
	} {
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("%v, %q, want %s", err, out, want)
		}
	}
}

func TestABrokenFileEndsAServerWithoutFurtherWords(t *testing.T) {
	m := newMachine(t)
	m.write("config.yaml", "tls-san: [a")
	out, err := m.k3s("server")
	if err == nil || !strings.Contains(out, `level=fatal msg="yaml: line 1: did not find expected ',' or ']'"`) {
		t.Errorf("%v, %q", err, out)
	}
}

func TestTheProgramIsKubectlWhenItIsCalledSo(t *testing.T) {
	m := newMachine(t)
	c := m.command(t.Context(), "version", "--client")
	c.Args = []string{"kubectl", "version", "--client"}
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Client Version: ") {
		t.Errorf("%v, %q", err, out)
	}
}
