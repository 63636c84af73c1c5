package balancer

import (
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// listen accepts and keeps connections until the test ends.
func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
		}
	}()
	return listener
}

func balance(t *testing.T, first net.Listener, file string) *Balancer {
	t.Helper()
	b, err := New("https://"+first.Addr().String(), file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func dial(t *testing.T, b *Balancer) net.Conn {
	t.Helper()
	c, err := b.Dial(t.Context(), "tcp", "ignored:1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func reaches(t *testing.T, b *Balancer, want net.Listener) {
	t.Helper()
	if got := dial(t, b).RemoteAddr().String(); got != want.Addr().String() {
		t.Errorf("reached %s, want %s", got, want.Addr())
	}
}

func TestAnotherServerIsUsedWhenOneIsGone(t *testing.T) {
	first, second := listen(t), listen(t)
	b := balance(t, first, filepath.Join(t.TempDir(), "state"))
	reaches(t, b, first)
	if err := b.Update([]string{first.Addr().String(), second.Addr().String()}); err != nil {
		t.Fatal(err)
	}
	reaches(t, b, first)
	first.Close()
	reaches(t, b, second)
}

func TestTheServersAreKnownAfterARestart(t *testing.T) {
	first, second := listen(t), listen(t)
	file := filepath.Join(t.TempDir(), "etc", "state")
	if err := balance(t, first, file).Update([]string{second.Addr().String()}); err != nil {
		t.Fatal(err)
	}
	reaches(t, balance(t, first, file), second)
	other := listen(t)
	reaches(t, balance(t, other, file), other) // of another cluster, perhaps
}

func TestAnEmptyListIsIgnored(t *testing.T) {
	first, second := listen(t), listen(t)
	b := balance(t, first, filepath.Join(t.TempDir(), "state"))
	for _, servers := range [][]string{{second.Addr().String()}, nil} {
		if err := b.Update(servers); err != nil {
			t.Fatal(err)
		}
	}
	reaches(t, b, second)
}

func TestConnectionsToAServerThatIsGoneEnd(t *testing.T) {
	first, second := listen(t), listen(t)
	b := balance(t, first, filepath.Join(t.TempDir(), "state"))
	open := dial(t, b)
	if err := b.Update([]string{first.Addr().String(), second.Addr().String()}); err != nil {
		t.Fatal(err)
	}
	go b.Run(t.Context())
	first.Close() // its connection stays open
	if err := open.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, err := open.Read(make([]byte, 1))
	if timeout, is := err.(net.Error); err == nil || err == io.EOF || is && timeout.Timeout() {
		t.Errorf("it did not end: %v", err)
	}
	reaches(t, b, second)
}
