// Package balancer is an agent's way to the cluster's servers: through whichever of them answers. k3s has a
// load balancer on 127.0.0.1:6444 for that; here only this process uses it.
package balancer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// ServerName is in the certificate of every server, whatever its address.
const ServerName = "127.0.0.1"

const (
	dialTimeout = 5 * time.Second
	// checkEvery is how often a server in use is looked at; failuresAllowed of them are an accident.
	checkEvery      = 2 * time.Second
	checkTimeout    = 2 * time.Second
	failuresAllowed = 1
)

// Balancer dials the server in use, and another when that fails.
type Balancer struct {
	file      string
	serverURL string
	first     string // of the configuration: the last resort once others are known

	lock        sync.Mutex
	servers     []string
	current     string
	connections map[string]map[*connection]struct{}
}

// state is k3s's file, which the next start reads.
type state struct {
	ServerURL       string   `json:"ServerURL"`
	ServerAddresses []string `json:"ServerAddresses"`
}

// New reads which servers an earlier start knew. They count only while the configured server is the same.
func New(serverURL, file string) (*Balancer, error) {
	first, err := address(serverURL)
	if err != nil {
		return nil, err
	}
	b := &Balancer{file: file, serverURL: serverURL, first: first, connections: map[string]map[*connection]struct{}{}}
	raw, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, err
	}
	var before state
	if err := json.Unmarshal(raw, &before); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if before.ServerURL == serverURL {
		b.servers = before.ServerAddresses
	}
	return b, nil
}

func address(serverURL string) (string, error) {
	u, err := url.Parse(serverURL)
	if err != nil {
		return "", err
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}

// Dial ignores the address it is given.
func (b *Balancer) Dial(ctx context.Context, network, _ string) (net.Conn, error) {
	var failures []error
	for _, server := range b.order() {
		dialer := net.Dialer{Timeout: dialTimeout}
		dialed, err := dialer.DialContext(ctx, network, server)
		if err == nil {
			return b.use(server, dialed), nil
		}
		failures = append(failures, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(failures...)
}

// order is the server in use, the others, and last the configured one.
func (b *Balancer) order() []string {
	b.lock.Lock()
	defer b.lock.Unlock()
	all := slices.Concat([]string{b.current}, b.servers, []string{b.first})
	var unique []string
	for _, server := range all {
		if server != "" && !slices.Contains(unique, server) {
			unique = append(unique, server)
		}
	}
	return unique
}

func (b *Balancer) use(server string, dialed net.Conn) net.Conn {
	b.lock.Lock()
	defer b.lock.Unlock()
	if b.current != server {
		logrus.Infof("Using server %s", server)
		b.current = server
	}
	c := &connection{Conn: dialed, closed: func(c *connection) {
		b.lock.Lock()
		defer b.lock.Unlock()
		delete(b.connections[server], c)
	}}
	if b.connections[server] == nil {
		b.connections[server] = map[*connection]struct{}{}
	}
	b.connections[server][c] = struct{}{}
	return c
}

// Update takes the cluster's servers, and keeps them for the next start. An empty list changes nothing.
func (b *Balancer) Update(servers []string) error {
	servers = slices.Sorted(slices.Values(servers))
	b.lock.Lock()
	same := slices.Equal(servers, b.servers)
	if len(servers) == 0 || same {
		b.lock.Unlock()
		return nil
	}
	b.servers = servers
	if !slices.Contains(servers, b.current) {
		b.current = ""
	}
	b.lock.Unlock()
	logrus.Infof("Updated load balancer server addresses -> %v", servers)
	text, err := json.Marshal(state{ServerURL: b.serverURL, ServerAddresses: servers})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(b.file), 0o700); err != nil {
		return err
	}
	return os.WriteFile(b.file, text, 0o600)
}

// Run ends the connections of a server that does not answer any more, until the context ends: a machine that is
// gone closes none of them.
func (b *Balancer) Run(ctx context.Context) {
	failures := map[string]int{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(checkEvery):
		}
		for _, server := range b.inUse() {
			dialer := net.Dialer{Timeout: checkTimeout}
			dialed, err := dialer.DialContext(ctx, "tcp", server)
			if err == nil {
				dialed.Close()
				delete(failures, server)
				continue
			}
			if failures[server]++; failures[server] > failuresAllowed {
				logrus.Warnf("Server %s does not answer: %v", server, err)
				b.drop(server)
			}
		}
	}
}

func (b *Balancer) inUse() []string {
	b.lock.Lock()
	defer b.lock.Unlock()
	var all []string
	for server, connections := range b.connections {
		if len(connections) > 0 {
			all = append(all, server)
		}
	}
	return all
}

// drop also lets the others be tried first.
func (b *Balancer) drop(server string) {
	b.lock.Lock()
	var open []*connection
	for c := range b.connections[server] {
		open = append(open, c)
	}
	if b.current == server {
		b.current = ""
		b.servers = append(slices.DeleteFunc(b.servers, func(s string) bool { return s == server }), server)
	}
	b.lock.Unlock()
	for _, c := range open {
		c.Close()
	}
}

type connection struct {
	net.Conn
	once   sync.Once
	closed func(*connection)
}

func (c *connection) Close() error {
	c.once.Do(func() { c.closed(c) })
	return c.Conn.Close()
}
