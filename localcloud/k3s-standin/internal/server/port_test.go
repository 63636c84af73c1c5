package server

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"k3s-aws/localcloud/k3s-standin/internal/pki"
)

// serving is a port that answers "early", and the files of its certificate.
func serving(t *testing.T) (p *port, cert, key string) {
	t.Helper()
	dir := t.TempDir()
	ca, err := pki.EnsureAuthority(dir, "ca", "test", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := ca.EnsureLeaf(dir, "leaf", pki.Leaf{CommonName: "test", Addresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, time.Now); err != nil {
		t.Fatal(err)
	}
	cert, key = dir+"/leaf.crt", dir+"/leaf.key"
	if p, err = openPort("127.0.0.1", 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	if err := p.serve(says("early"), cert, key); err != nil {
		t.Fatal(err)
	}
	return p, cert, key
}

func says(word string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, word) }
}

func TestThePortAnswersUntilTheAPIServerDoes(t *testing.T) {
	p, cert, key := serving(t)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // a test
	answers := func(want string) {
		t.Helper()
		response, err := client.Get("https://" + p.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if body, err := io.ReadAll(response.Body); err != nil || string(body) != want {
			t.Errorf("%v, %q, want %q", err, body, want)
		}
	}
	answers("early")
	late := p.handOver(t.Context())
	answers("early") // the API server does not accept yet
	connected := make(chan struct{})
	server := &http.Server{Handler: says("late"), ReadHeaderTimeout: time.Second}
	go func() {
		close(connected)
		if err := server.ServeTLS(late, cert, key); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	<-connected
	for end := time.Now().Add(10 * time.Second); p.taken() != late && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	answers("late")
	server.Close()
}

// taken is the listener that gets the connections now.
func (p *port) taken() net.Listener {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.current
}

func TestAPortInUseEndsTheStart(t *testing.T) {
	p, _, _ := serving(t)
	_, err := openPort("127.0.0.1", p.Addr().(*net.TCPAddr).Port)
	if err == nil {
		t.Error("it is opened twice")
	}
}
