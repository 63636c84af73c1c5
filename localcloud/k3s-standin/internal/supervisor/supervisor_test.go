package supervisor

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/util/cert"

	"k3s-aws/localcloud/k3s-standin/internal/nodepassword"
	"k3s-aws/localcloud/k3s-standin/internal/pki"
)

type keeper struct{ answer error }

func (k keeper) Check(context.Context, string, string) error { return k.answer }

func newSupervisor(t *testing.T) *Supervisor {
	t.Helper()
	ca, err := pki.EnsureAuthority(t.TempDir(), "client-ca", "test", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return &Supervisor{
		CACerts: []byte("the CA"), ClientCA: ca, ServerSecret: "server-secret", AgentSecret: "agent-secret",
		PasswordFile: "/etc/rancher/node/password", Now: time.Now,
	}
}

func ask(s *Supervisor, request *http.Request) (int, string) {
	api := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	answer := httptest.NewRecorder()
	s.Wrap(api).ServeHTTP(answer, request)
	body, _ := io.ReadAll(answer.Body)
	return answer.Code, strings.TrimSpace(string(body))
}

func get(path, user, password string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if user != "" {
		r.SetBasicAuth(user, password)
	}
	return r
}

func wants(t *testing.T, s *Supervisor, r *http.Request, code int, body string) {
	t.Helper()
	if gotCode, gotBody := ask(s, r); gotCode != code || gotBody != body {
		t.Errorf("%s: %d %q, want %d %q", r.URL.Path, gotCode, gotBody, code, body)
	}
}

func TestPingAndTheCAAnswerAnybodyFromTheStart(t *testing.T) {
	s := newSupervisor(t)
	wants(t, s, get("/ping", "", ""), 200, "pong")
	wants(t, s, get("/cacerts", "", ""), 200, "the CA")
}

func TestEverythingElseGoesToTheAPIServer(t *testing.T) {
	s := newSupervisor(t)
	for _, path := range []string{"/", "/readyz", "/api/v1/nodes", "/v1-k3s", "/pingpong"} {
		wants(t, s, get(path, "", ""), http.StatusTeapot, "")
	}
}

func TestJoiningNeedsATokenThatIsKnown(t *testing.T) {
	s := newSupervisor(t)
	s.Ready(keeper{})
	for _, c := range []struct {
		user, password string
		code           int
		body           string
	}{
		{"", "", 401, "Unauthorized"},
		{"node", "wrong", 401, "Unauthorized"},
		{"node", "", 401, "Unauthorized"},
		{"admin", "server-secret", 401, "Unauthorized"},
		{"server", "agent-secret", 401, "Unauthorized"},
		{"node", "agent-secret", 200, "ok"},
		{"node", "server-secret", 200, "ok"},
		{"server", "server-secret", 200, "ok"},
	} {
		wants(t, s, get("/v1-k3s/readyz", c.user, c.password), c.code, c.body)
	}
}

func TestJoiningWaitsForTheControlPlaneButRefusesAtOnce(t *testing.T) {
	s := newSupervisor(t)
	wants(t, s, get("/v1-k3s/readyz", "node", "agent-secret"), 503, "starting")
	wants(t, s, get("/v1-k3s/readyz", "node", "wrong"), 401, "Unauthorized")
}

func request(t *testing.T, node string) *http.Request {
	t.Helper()
	body, _, err := pki.NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/v1-k3s/client-kubelet.crt", strings.NewReader(string(body)))
	r.SetBasicAuth("node", "agent-secret")
	r.Header.Set(NodeNameHeader, node)
	r.Header.Set(NodePasswordHeader, "password")
	return r
}

func TestAKnownNodeGetsTheCertificateOfItsName(t *testing.T) {
	s := newSupervisor(t)
	s.Ready(keeper{})
	code, body := ask(s, request(t, "demo-agents-1a2b3c4d"))
	have, err := cert.ParseCertsPEM([]byte(body))
	if code != 200 || err != nil {
		t.Fatalf("%d %q: %v", code, body, err)
	}
	if subject := have[0].Subject.String(); subject != "CN=system:node:demo-agents-1a2b3c4d,O=system:nodes" {
		t.Errorf("subject %q", subject)
	}
}

func TestANameThatIsTakenIsForbiddenInTheWordsOfK3s(t *testing.T) {
	s := newSupervisor(t)
	s.Ready(keeper{answer: nodepassword.ErrRejected})
	wants(t, s, request(t, "a"), 403, "Node password rejected, duplicate hostname or contents of "+
		"'/etc/rancher/node/password' may not match server node-passwd entry, "+
		"try enabling a unique node name with the --with-node-id flag")
}

func TestAFailingDatastoreIsNotARefusal(t *testing.T) {
	s := newSupervisor(t)
	s.Ready(keeper{answer: errors.New("no datastore")})
	wants(t, s, request(t, "a"), 500, "no datastore")
}

func TestARequestWithoutAProperNameIsBad(t *testing.T) {
	s := newSupervisor(t)
	s.Ready(keeper{})
	for _, name := range []string{"", "Upper", "a/b", "system:masters"} {
		if code, _ := ask(s, request(t, name)); code != 400 {
			t.Errorf("%q: %d, want 400", name, code)
		}
	}
}
