package join

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crypto/tls"
	"net"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"k3s-aws/localcloud/k3s-standin/internal/nodepassword"
	"k3s-aws/localcloud/k3s-standin/internal/pki"
	"k3s-aws/localcloud/k3s-standin/internal/supervisor"
	"k3s-aws/localcloud/k3s-standin/internal/token"
)

// cluster is a supervisor behind TLS, without a control plane.
type cluster struct {
	*supervisor.Supervisor
	url    string
	asked  atomic.Int32 // requests that carried a credential
	tokens func(user, password string) string
}

type keeper struct{ answer error }

func (k keeper) Check(context.Context, string, string) error { return k.answer }

func (k keeper) Registered(_ context.Context, node string) error {
	if node == "gone" {
		return errors.New("not found")
	}
	return nil
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	dir := t.TempDir()
	ca, err := pki.EnsureAuthority(dir, "ca", "test", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	leaf := pki.Leaf{CommonName: "test", Addresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	if err := ca.EnsureLeaf(dir, "serving", leaf, time.Now); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "serving.crt"), filepath.Join(dir, "serving.key"))
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{Supervisor: &supervisor.Supervisor{
		CACerts: ca.PEM, ClientCA: ca, ServerSecret: "server", AgentSecret: "agent", Now: time.Now,
	}}
	wrapped := c.Wrap(http.NotFoundHandler())
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			c.asked.Add(1)
		}
		wrapped.ServeHTTP(w, r)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	c.url = server.URL
	c.tokens = func(user, password string) string {
		full, err := token.Format(user, password, ca.PEM)
		if err != nil {
			t.Fatal(err)
		}
		return full
	}
	return c
}

// onRefusal is a hook that acts when a join says why it has to wait.
type onRefusal func()

func (onRefusal) Levels() []logrus.Level { return logrus.AllLevels }

func (act onRefusal) Fire(entry *logrus.Entry) error {
	for _, start := range []string{"Failed to validate connection", "Waiting to retrieve"} {
		if strings.HasPrefix(entry.Message, start) {
			act()
		}
	}
	return nil
}

// logged notes what is logged, and acts after a refusal.
func logged(t *testing.T, act func()) *logtest.Hook {
	t.Helper()
	hook := logtest.NewGlobal()
	logrus.AddHook(onRefusal(act))
	t.Cleanup(func() { logrus.StandardLogger().ReplaceHooks(logrus.LevelHooks{}) })
	return hook
}

// refused joins until it is refused, and gives what was logged of it.
func refused(t *testing.T, url, secret string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	hook := logged(t, cancel)
	joined, err := Until(ctx, url, secret, nil)
	if err == nil {
		_, _, err = joined.Certificate(ctx, "a", filepath.Join(t.TempDir(), "password"))
	}
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want to be waiting still", err)
	}
	return hook.LastEntry().Message
}

func TestAPinnedTokenLetsANodeIn(t *testing.T) {
	c := newCluster(t)
	c.Ready(keeper{})
	joined, err := Until(t.Context(), c.url, c.tokens("node", "agent"), nil)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "node", "password")
	cert, key, err := joined.Certificate(t.Context(), "a", file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestAWrongPasswordIsRefusedInTheWordsOfK3s(t *testing.T) {
	c := newCluster(t)
	c.Ready(keeper{})
	want := "Waiting to retrieve agent configuration; server is not ready: failed to retrieve configuration from server: not authorized"
	if got := refused(t, c.url, c.tokens("node", "wrong")); got != want {
		t.Errorf("logged %q, want %q", got, want)
	}
}

func TestAMalformedTokenIsNoEndOfTheWait(t *testing.T) {
	c := newCluster(t)
	for secret, want := range map[string]string{
		"":          "token must not be empty",
		"K10x":      "invalid token format",
		"K10a::b:c": "invalid token CA hash length",
	} {
		if got := refused(t, c.url, secret); got != "Failed to validate connection to cluster at "+c.url+": "+want {
			t.Errorf("%q: logged %q", secret, got)
		}
	}
	want := "Failed to validate connection to cluster at http://a:6443: only https:// URLs are supported, invalid scheme: http://a:6443"
	if got := refused(t, "http://a:6443", "secret"); got != want {
		t.Errorf("logged %q", got)
	}
}

func TestAJoinedNodeHasTheServersConfiguration(t *testing.T) {
	c := newCluster(t)
	c.Agents = supervisor.Configuration{FlannelBackend: "host-gw", DisableNPC: true}
	joined, _ := joinedBefore(t, c, "a")
	if got := joined.Configuration; got.FlannelBackend != "host-gw" || !got.DisableNPC {
		t.Errorf("%+v", got)
	}
}

// joinedBefore gives the certificate of a node that joined with a token that is no longer known.
func joinedBefore(t *testing.T, c *cluster, node string) (*Cluster, tls.Certificate) {
	t.Helper()
	c.Ready(keeper{})
	joined, err := Until(t.Context(), c.url, c.tokens("node", "agent"), nil)
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := joined.Certificate(t.Context(), node, filepath.Join(t.TempDir(), "password"))
	if err != nil {
		t.Fatal(err)
	}
	held, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	c.AgentSecret = "another"
	return joined, held
}

func TestAJoinedNodeComesBackAlthoughItsTokenWasChanged(t *testing.T) {
	joined, held := joinedBefore(t, newCluster(t), "a")
	if _, _, err := joined.Certificate(t.Context(), "a", filepath.Join(t.TempDir(), "password"), held); err != nil {
		t.Error(err)
	}
}

func TestWithoutItsNodeAnOldTokenIsRefusedToAJoinedNodeToo(t *testing.T) {
	joined, held := joinedBefore(t, newCluster(t), "gone")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	hook := logged(t, cancel)
	if _, _, err := joined.Certificate(ctx, "gone", filepath.Join(t.TempDir(), "password"), held); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want to be waiting still", err)
	}
	want := "Waiting to retrieve agent configuration; server is not ready: " + joined.URL + "/v1-k3s/client-kubelet.crt: 401 Unauthorized"
	if got := hook.LastEntry().Message; got != want {
		t.Errorf("logged %q, want %q", got, want)
	}
}

func TestNoCredentialGoesToAnotherCluster(t *testing.T) {
	mine, other := newCluster(t), newCluster(t)
	got := refused(t, other.url, mine.tokens("node", "agent"))
	if !strings.Contains(got, "token CA hash does not match the Cluster CA certificate hash: ") {
		t.Errorf("logged %q", got)
	}
	if n := other.asked.Load(); n != 0 {
		t.Errorf("%d requests carried the password", n)
	}
}

func TestAServerThatDoesNotAnswerIsWaitedFor(t *testing.T) {
	got := refused(t, "https://127.0.0.1:1", "secret")
	if !strings.Contains(got, "failed to get CA certs: ") || !strings.Contains(got, "connection refused") {
		t.Errorf("logged %q", got)
	}
}

func TestAServerThatIsStartingIsWaitedFor(t *testing.T) {
	c := newCluster(t)
	joined, err := Until(t.Context(), c.url, c.tokens("node", "agent"), nil)
	if err != nil {
		t.Fatal(err)
	}
	logged(t, func() { c.Ready(keeper{}) })
	if _, _, err := joined.Certificate(t.Context(), "a", filepath.Join(t.TempDir(), "password")); err != nil {
		t.Error(err)
	}
}

func TestATakenNameIsToldAndTriedAgain(t *testing.T) {
	c := newCluster(t)
	c.Ready(keeper{answer: nodepassword.ErrRejected})
	joined, err := Until(t.Context(), c.url, c.tokens("node", "agent"), nil)
	if err != nil {
		t.Fatal(err)
	}
	hook := logged(t, func() { c.Ready(keeper{}) })
	file := filepath.Join(t.TempDir(), "password")
	if _, _, err := joined.Certificate(t.Context(), "a", file); err != nil {
		t.Fatal(err)
	}
	for _, entry := range hook.AllEntries() {
		if strings.HasPrefix(entry.Message, "Waiting to retrieve agent configuration; server is not ready: Node password rejected, duplicate hostname or contents of '"+file+"'") {
			return
		}
	}
	t.Error("the refusal was not logged")
}

func TestThePasswordOfAMachineIsMadeOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	first, err := ensurePassword(file)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := ensurePassword(file); err != nil || second != first || len(first) != 32 {
		t.Errorf("%q, then %q, %v", first, second, err)
	}
}

func TestAnEmptyPasswordFileIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ensurePassword(file); err == nil {
		t.Error("want an error")
	}
}
