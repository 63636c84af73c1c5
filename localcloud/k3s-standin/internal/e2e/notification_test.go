package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	policyStarts = "Starting network policy controller"
	agentIsUp    = "k3s agent is up and running"
)

// notified reports whether READY=1 was sent.
func (s *service) notified() bool {
	select {
	case <-s.ready:
		return true
	default:
		return false
	}
}

// TestAnAgentNotifiesSystemdOfItsPolicyController: that starts with a heartbeat after the one with which the
// node became Ready, and the kubelet posts an unchanged status every five minutes.
func TestAnAgentNotifiesSystemdOfItsPolicyController(t *testing.T) {
	c := newCluster(t)
	c.waitReady()
	late, soon := newMachine(t), newMachine(t)
	port := freePort(t)
	lateAgent := c.agent(t, late, "demo-agents-0000000c", agentSecret)
	soonAgent := c.agent(t, soon, "demo-agents-0000000d", agentSecret, map[string]any{
		"kubelet-arg": soon.kubelet("nodeStatusReportFrequency: 1s\n", fmt.Sprintf("healthz-port=%d", port)),
	})
	c.waitNode(t, "demo-agents-0000000c", "True")
	c.waitNode(t, "demo-agents-0000000d", "True")
	soonAgent.waitReady()
	log := soon.read("agent.log")
	if starts, up := strings.Index(log, policyStarts), strings.Index(log, agentIsUp); starts < 0 || up < starts {
		t.Errorf("the agent's log:\n%s", log)
	}
	waitHealth(t, port)
	// Meanwhile the other node is Ready and runs pods, and systemd waits.
	time.Sleep(5 * time.Second)
	c.waitNode(t, "demo-agents-0000000c", "True")
	c.waitHeartbeat(t, "demo-agents-0000000c", time.Now())
	if lateAgent.notified() || strings.Contains(late.read("agent.log"), policyStarts) {
		t.Errorf("READY=1 before the next heartbeat; the agent's log:\n%s", lateAgent.tail())
	}
}

// waitHealth waits until a kubelet's health endpoint responds with ok.
func waitHealth(t *testing.T, port int) {
	t.Helper()
	client := http.Client{Timeout: deadline}
	eventually(t, "health endpoint", func() (bool, string) {
		response, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/healthz", port))
		if err != nil {
			return false, err.Error()
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		return err == nil && response.StatusCode == http.StatusOK && string(body) == "ok", string(body)
	})
}

func TestWithoutAPolicyControllerAgentsNotifySystemdAtOnce(t *testing.T) {
	port := freePort(t)
	c := newCluster(t, map[string]any{"disable-network-policy": true, "kubelet-arg": fmt.Sprintf("healthz-port=%d", port)})
	c.waitReady()
	waitHealth(t, port) // of the server's kubelet
	m := newMachine(t)
	a := c.agent(t, m, "demo-agents-0000000e", agentSecret)
	a.waitReady()
	c.waitNode(t, "demo-agents-0000000e", "True")
	if strings.Contains(m.read("agent.log"), policyStarts) {
		t.Errorf("the agent's log:\n%s", a.tail())
	}
}

func TestAServerWithAnUnknownBackendNotifiesSystemdAndEnds(t *testing.T) {
	c := newCluster(t, map[string]any{"flannel-backend": "ipsec"})
	c.waitReady()
	c.waitLog(`Shutdown request received: \"failed to start networking: Cannot configure unknown flannel backend 'ipsec'\"`)
	<-c.ended
	equal(t, 0, c.process.ProcessState.ExitCode())
}
