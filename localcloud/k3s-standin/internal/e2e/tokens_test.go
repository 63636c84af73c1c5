package e2e

import (
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	newAgentSecret  = "new-agent-secret"
	newServerSecret = "new-server-secret"
	joinedEarlier   = "demo-agents-0000000a"
	joinedLater     = "demo-agents-0000000b"
)

// TestTheTokensAreChangedInTheLifeOfACluster has a server of its own: it is restarted again and again.
func TestTheTokensAreChangedInTheLifeOfACluster(t *testing.T) {
	c := newCluster(t)
	c.waitReady()
	// The machines are this test's: those of a part would end with it.
	old, other := newMachine(t), newMachine(t)
	a := c.agent(t, old, joinedEarlier, agentSecret)
	c.waitNode(t, joinedEarlier, "True")
	for _, part := range []struct {
		name string
		test func(*testing.T)
	}{
		{"only the server's password opens what is for servers", func(t *testing.T) { forServers(t, c) }},
		{"a new agent token counts from the next start, and the old one no longer", func(t *testing.T) { newAgentToken(t, c) }},
		{"an agent that has joined lives on, also through its own restart with the old token", func(t *testing.T) {
			c.waitHeartbeat(t, joinedEarlier, time.Now())
			a.end(syscall.SIGTERM)
			a = old.start("agent")
			c.waitHeartbeat(t, joinedEarlier, time.Now())
		}},
		{"an agent joins with the new token", func(t *testing.T) {
			c.agent(t, other, joinedLater, newAgentSecret)
			c.waitNode(t, joinedLater, "True")
		}},
		{"the start after that is refused, because the datastore has other passwords than the disk", func(t *testing.T) { youngerThanDatastore(t, c) }},
		{"k3s token rotate changes disk and datastore at once, and who is let in with the next start", func(t *testing.T) { rotate(t, c) }},
		{"a server with the old token does not start, and starts with the new one in its full form", func(t *testing.T) { startAfterRotation(t, c) }},
		{"agents that have joined live on after all of it", func(t *testing.T) {
			for _, name := range []string{joinedEarlier, joinedLater} {
				c.waitHeartbeat(t, name, time.Now())
			}
		}},
		{"the old agent token is refused to a machine whose Node is gone", func(t *testing.T) {
			a.end(syscall.SIGTERM)
			c.kubectl("delete", "node", joinedEarlier)
			a = old.start("agent")
			a.waitLog("Node authorization rejected, retrying without client certificate authentication")
			a.waitLog("client-kubelet.crt: 401 Unauthorized")
		}},
	} {
		if !t.Run(part.name, part.test) {
			t.Logf("the server's log ends:\n%s", c.tail())
			return
		}
	}
}

func forServers(t *testing.T, c *cluster) {
	for credential, want := range map[string]int{
		// This is a right password's answer where there is no etcd.
		"server:" + serverSecret: http.StatusBadRequest,
		"server:" + agentSecret:  http.StatusUnauthorized, "node:" + agentSecret: http.StatusForbidden,
	} {
		if code := c.status(t, "/v1-k3s/server-bootstrap", credential); code != want {
			t.Errorf("%s: %d, want %d", credential, code, want)
		}
	}
	code, _ := c.get(t, "/v1-k3s/server-bootstrap", nil)
	equal(t, http.StatusForbidden, code)
	_, body := c.get(t, "/v1-k3s/server-bootstrap", func(r *http.Request) { r.SetBasicAuth("server", serverSecret) })
	if !strings.Contains(body, "etcd disabled") {
		t.Errorf("answer %q", body)
	}
	equal(t, http.StatusMethodNotAllowed, c.status(t, "/v1-k3s/token", "server:"+serverSecret))
	equal(t, http.StatusForbidden, c.status(t, "/v1-k3s/token", "node:"+agentSecret))
}

func newAgentToken(t *testing.T, c *cluster) {
	c.write("agent-token", newAgentSecret+"\n")
	// What is on disk must be younger than what the datastore has by more than k3s's three seconds.
	time.Sleep(4 * time.Second)
	c.restart()
	equal(t, http.StatusUnauthorized, c.status(t, "/v1-k3s/readyz", "node:"+agentSecret))
	equal(t, http.StatusOK, c.status(t, "/v1-k3s/readyz", "node:"+newAgentSecret))
	equal(t, c.token(t, newAgentSecret)+"\n", c.read("data/server/agent-token"))
}

// youngerThanDatastore: k3s saves its passwords in the datastore at the first start and at a rotation.
// A new agent token is younger than that, which k3s takes for a mistake.
func youngerThanDatastore(t *testing.T, c *cluster) {
	passwd := c.path("data", "server", "cred", "passwd")
	c.refusesToStart(t, passwd+" newer than datastore and could cause a cluster outage. "+
		"Remove the file(s) from disk and restart to be recreated from datastore.")
	if err := os.Remove(passwd); err != nil {
		t.Fatal(err)
	}
	c.service = c.start("server")
	c.waitReady()
	equal(t, http.StatusOK, c.status(t, "/v1-k3s/readyz", "node:"+newAgentSecret))
}

func rotate(t *testing.T, c *cluster) {
	out, err := c.k3s("token", "rotate", "--server", c.url, "--new-token", newServerSecret)
	if err != nil || !strings.Contains(out, "Token rotated, restart k3s nodes with new token") {
		t.Fatalf("%v, %s", err, out)
	}
	equal(t, c.fullServerToken(t, newServerSecret)+"\n", c.read("data/server/token"))
	if passwd := c.read("data/server/cred/passwd"); !strings.Contains(passwd, newServerSecret+",server,server,k3s:server") {
		t.Error("the passwd file does not have the new password")
	}
	equal(t, http.StatusBadRequest, c.status(t, "/v1-k3s/server-bootstrap", "server:"+serverSecret))
	equal(t, http.StatusUnauthorized, c.status(t, "/v1-k3s/server-bootstrap", "server:"+newServerSecret))
	out, err = c.k3s("token", "rotate", "--server", c.url, "--token", newServerSecret, "--new-token", "third")
	if err == nil || !strings.Contains(out, "not authorized") {
		t.Errorf("%v, %s", err, out)
	}
}

func startAfterRotation(t *testing.T, c *cluster) {
	c.refusesToStart(t, "preparing server: failed to bootstrap cluster data: "+
		"bootstrap data already found and encrypted with different token")
	c.write("token", c.fullServerToken(t, newServerSecret)+"\n")
	c.service = c.start("server")
	c.waitReady()
	equal(t, http.StatusUnauthorized, c.status(t, "/v1-k3s/server-bootstrap", "server:"+serverSecret))
	equal(t, http.StatusBadRequest, c.status(t, "/v1-k3s/server-bootstrap", "server:"+newServerSecret))
	equal(t, http.StatusOK, c.status(t, "/v1-k3s/readyz", "node:"+newAgentSecret))
	equal(t, c.fullServerToken(t, newServerSecret)+"\n", c.read("data/server/token"))
	// The rotation saved the agents' password too.
	c.restart()
}

func (c *cluster) restart() {
	c.t.Helper()
	c.end(syscall.SIGTERM)
	c.service = c.start("server")
	c.waitReady()
}

// refusesToStart restarts the server, which must end by itself and say why.
func (c *cluster) refusesToStart(t *testing.T, why string) {
	t.Helper()
	c.end(syscall.SIGTERM)
	c.service = c.start("server")
	select {
	case <-c.ended:
	case <-c.ready:
		t.Fatal("the server started")
	case <-time.After(deadline):
		t.Fatalf("still running after %s", deadline)
	}
	if !strings.Contains(c.tail(), why) {
		t.Errorf("the log does not say %q", why)
	}
}

func (c *cluster) fullServerToken(t *testing.T, password string) string {
	t.Helper()
	return strings.Replace(c.token(t, password), "::node:", "::server:", 1)
}
