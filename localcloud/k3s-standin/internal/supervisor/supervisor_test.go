package supervisor

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/cert"

	"k3s-aws/localcloud/k3s-standin/internal/nodepassword"
	"k3s-aws/localcloud/k3s-standin/internal/pki"
)

type keeper struct{ answer error }

func (k keeper) Check(context.Context, string, string) error { return k.answer }

func (k keeper) Registered(_ context.Context, node string) error {
	if node == "gone" {
		return errors.New("not found")
	}
	return nil
}

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
	var told metav1.Status
	if err := json.Unmarshal(body, &told); err == nil && told.Kind == "Status" {
		return answer.Code, told.Message
	}
	return answer.Code, string(body)
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
	for _, path := range []string{"/", "/readyz", "/api/v1/nodes", "/v1-k3s", "/v1-k3s/else", "/pingpong"} {
		wants(t, s, get(path, "", ""), http.StatusTeapot, "")
	}
}

func TestEachPathIsForThoseWhoMay(t *testing.T) {
	s := newSupervisor(t)
	s.Ready(keeper{})
	for _, c := range []struct {
		user, password string
		code           int
		body           string
	}{
		{"", "", 403, "forbidden"},
		{"node", "wrong", 401, "not authorized"},
		{"node", "", 401, "not authorized"},
		{"admin", "server-secret", 401, "not authorized"},
		{"server", "agent-secret", 401, "not authorized"},
		{"node", "server-secret", 401, "not authorized"},
		{"node", "agent-secret", 200, "ok"},
		{"server", "server-secret", 403, "forbidden"},
	} {
		wants(t, s, get("/v1-k3s/readyz", c.user, c.password), c.code, c.body)
	}
}

func TestJoiningWaitsForTheControlPlaneButRefusesAtOnce(t *testing.T) {
	s := newSupervisor(t)
	wants(t, s, get("/v1-k3s/readyz", "node", "agent-secret"), 503, "runtime core not ready")
	wants(t, s, get("/v1-k3s/readyz", "node", "wrong"), 401, "not authorized")
}

func TestAgentsReadTheConfigurationWithTheFieldsOfK3s(t *testing.T) {
	s := newSupervisor(t)
	_, cluster, _ := net.ParseCIDR("10.42.0.0/16")
	s.Agents = Configuration{ClusterIPRanges: []*net.IPNet{cluster}, FlannelBackend: "host-gw", DisableNPC: true}
	s.Ready(keeper{})
	code, body := ask(s, get("/v1-k3s/config", "node", "agent-secret"))
	var fields struct {
		ClusterIPRanges []struct{ IP, Mask string }
		FlannelBackend  string
		DisableNPC      bool
	}
	if err := json.Unmarshal([]byte(body), &fields); err != nil || code != 200 {
		t.Fatalf("%d %s: %v", code, body, err)
	}
	if fields.FlannelBackend != "host-gw" || !fields.DisableNPC || fields.ClusterIPRanges[0].IP != "10.42.0.0" ||
		fields.ClusterIPRanges[0].Mask != "//8AAA==" {
		t.Errorf("%s", body)
	}
	wants(t, s, get("/v1-k3s/config", "server", "server-secret"), 403, "forbidden")
	wants(t, s, get("/v1-k3s/config", "node", "wrong"), 401, "not authorized")
}

// with presents a certificate that an authority signed.
func with(t *testing.T, r *http.Request, ca *pki.Authority, leaf pki.Leaf) *http.Request {
	t.Helper()
	body, _, err := pki.NewRequest()
	if err != nil {
		t.Fatal(err)
	}
	signed, err := ca.SignRequest(body, leaf, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	certificates, err := cert.ParseCertsPEM(signed)
	if err != nil {
		t.Fatal(err)
	}
	r.TLS = &tls.ConnectionState{PeerCertificates: certificates}
	return r
}

func nodeLeaf(name string) pki.Leaf {
	return pki.Leaf{CommonName: "system:node:" + name, Organizations: []string{"system:nodes"}}
}

func TestANodesCertificateCountsBesideAPasswordThatDoesNot(t *testing.T) {
	s := newSupervisor(t)
	s.Ready(keeper{})
	wants(t, s, with(t, get("/v1-k3s/readyz", "node", "old"), s.ClientCA, nodeLeaf("a")), 200, "ok")
	wants(t, s, with(t, get("/v1-k3s/readyz", "", ""), newSupervisor(t).ClientCA, nodeLeaf("a")), 401, "not authorized")
	admin := pki.Leaf{CommonName: "system:admin", Organizations: []string{"system:masters"}}
	wants(t, s, with(t, get("/v1-k3s/readyz", "", ""), s.ClientCA, admin), 403, "forbidden")
}

func TestANodesCertificateIsForItsOwnNameAndWhileItsNodeExists(t *testing.T) {
	s := newSupervisor(t)
	s.Ready(keeper{})
	for _, c := range []struct {
		holder, name string
		code         int
	}{{"a", "a", 200}, {"a", "b", 400}, {"gone", "gone", 401}} {
		r := request(t, c.name)
		r.Header.Del("Authorization")
		if code, body := ask(s, with(t, r, s.ClientCA, nodeLeaf(c.holder))); code != c.code {
			t.Errorf("%s for %s: %d %s, want %d", c.holder, c.name, code, body, c.code)
		}
	}
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

func TestAnotherServerIsToldThatThereIsNoEtcd(t *testing.T) {
	s := newSupervisor(t)
	wants(t, s, get("/v1-k3s/server-bootstrap", "server", "server-secret"), 400, "etcd disabled")
	wants(t, s, get("/v1-k3s/server-bootstrap", "server", "agent-secret"), 401, "not authorized")
	wants(t, s, get("/v1-k3s/server-bootstrap", "node", "agent-secret"), 403, "forbidden")
	wants(t, s, get("/v1-k3s/server-bootstrap", "", ""), 403, "forbidden")
	wants(t, s, with(t, get("/v1-k3s/server-bootstrap", "", ""), s.ClientCA, nodeLeaf("a")), 403, "forbidden")
}

func TestOnlyAServersPasswordRotatesTheToken(t *testing.T) {
	s := newSupervisor(t)
	var asked []string
	s.Rotate = func(_ context.Context, newToken string) error {
		if newToken == "bad" {
			return errors.New("the reason")
		}
		asked = append(asked, newToken)
		return nil
	}
	for _, c := range []struct {
		user, password, body string
		code                 int
	}{
		{"server", "server-secret", `{"newToken":"another"}`, 200},
		{"server", "server-secret", `{"newToken":""}`, 200},
		{"server", "server-secret", `{"newToken":"bad"}`, 500},
		{"server", "server-secret", `{}`, 400},
		{"server", "server-secret", `hello`, 400},
		{"server", "agent-secret", `{"newToken":"another"}`, 401},
		{"node", "agent-secret", `{"newToken":"another"}`, 403},
	} {
		r := httptest.NewRequest(http.MethodPut, "/v1-k3s/token", strings.NewReader(c.body))
		r.SetBasicAuth(c.user, c.password)
		if code, body := ask(s, r); code != c.code || strings.Contains(body, "the reason") {
			t.Errorf("%s %s: %d %q, want %d", c.user, c.body, code, body, c.code)
		}
	}
	if !slices.Equal([]string{"another", ""}, asked) {
		t.Errorf("asked for %q", asked)
	}
	wants(t, s, get("/v1-k3s/token", "server", "server-secret"), 405, "method not allowed")
}
