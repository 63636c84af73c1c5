package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// port is the server's one port. k3s's own paths are served there from the start; the API server takes it over,
// because it checks client certificates itself.
type port struct {
	net.Listener
	lock    sync.Mutex
	current *queue
	early   *http.Server
}

// openPort listens. A port that is in use ends the start.
func openPort(address string, number int) (*port, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(address, fmt.Sprint(number)))
	if err != nil {
		return nil, fmt.Errorf("preparing server: failed to start supervisor listener: %w", err)
	}
	p := &port{Listener: listener, current: newQueue(listener.Addr())}
	go p.dispatch()
	return p, nil
}

// serve answers until the API server takes over.
func (p *port) serve(handler http.Handler, certFile, keyFile string) error {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return err
	}
	p.early = &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert},
		ErrorLog:  log.New(io.Discard, "", 0), // as in k3s
	}
	p.early.SetKeepAlivesEnabled(false) // whoever asks again is to reach the API server
	go func(server *http.Server, listener net.Listener) {
		if err := server.ServeTLS(listener, "", ""); err != nil && !errors.Is(err, http.ErrServerClosed) &&
			!errors.Is(err, net.ErrClosed) {
			logrus.Errorf("server stopped: %v", err)
		}
	}(p.early, p.current)
	return nil
}

// handOver gives the API server a listener. Its first look there for a connection ends the answers before it; what
// was asked until then is still answered.
func (p *port) handOver(ctx context.Context) net.Listener {
	next := newQueue(p.Addr())
	next.opened = func() {
		p.lock.Lock()
		old := p.current
		p.current = next
		p.lock.Unlock()
		old.Close()
		go func() { _ = p.early.Shutdown(context.WithoutCancel(ctx)) }()
	}
	return next
}

func (p *port) dispatch() {
	for {
		connection, err := p.Accept()
		if err != nil {
			return
		}
		go p.pass(connection)
	}
}

func (p *port) pass(connection net.Conn) {
	for {
		p.lock.Lock()
		to := p.current
		p.lock.Unlock()
		select {
		case to.connections <- connection:
			return
		case <-to.closed:
		}
		p.lock.Lock()
		last := to == p.current
		p.lock.Unlock()
		if last {
			connection.Close()
			return
		}
	}
}

// queue is a listener that is given its connections.
type queue struct {
	address     net.Addr
	connections chan net.Conn
	closed      chan struct{}
	closing     sync.Once
	opening     sync.Once
	opened      func()
}

func newQueue(address net.Addr) *queue {
	return &queue{address: address, connections: make(chan net.Conn), closed: make(chan struct{}), opened: func() {}}
}

func (q *queue) Accept() (net.Conn, error) {
	q.opening.Do(q.opened)
	select {
	case connection := <-q.connections:
		return connection, nil
	case <-q.closed:
		return nil, net.ErrClosed
	}
}

func (q *queue) Close() error {
	q.closing.Do(func() { close(q.closed) })
	return nil
}

func (q *queue) Addr() net.Addr { return q.address }
