package kubelet

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// serve serves the health of an address until the test ends.
func serve(t *testing.T, address string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		Settings{Healthz: address}.ServeHealth(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
}

// health requests /healthz until there is a response.
func health(t *testing.T, address string) string {
	t.Helper()
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for end := time.Now().Add(3 * healthEvery); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		response, err := client.Get("http://" + address + "/healthz")
		if err != nil {
			continue
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		return response.Status + " " + string(body)
	}
	return "no response"
}

func TestTheHealthEndpointRespondsOk(t *testing.T) {
	listener := listen(t)
	listener.Close()
	serve(t, listener.Addr().String())
	equal(t, "200 OK ok", health(t, listener.Addr().String()))
}

func TestAHealthPortThatIsInUseIsTriedAgain(t *testing.T) {
	taken := listen(t)
	serve(t, taken.Addr().String())
	time.Sleep(200 * time.Millisecond)
	taken.Close()
	equal(t, "200 OK ok", health(t, taken.Addr().String()))
}

func TestWithoutAnAddressNothingIsServed(t *testing.T) {
	Settings{}.ServeHealth(t.Context())
}
