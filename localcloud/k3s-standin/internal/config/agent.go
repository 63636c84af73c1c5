package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	"github.com/urfave/cli/v2"
)

// NewAgent checks and completes the settings of an agent.
func NewAgent(c *cli.Context, paths Paths, host Host) (*Agent, error) {
	secret, err := secretOf(c, "token")
	if err != nil {
		return nil, err
	}
	node, err := newNode(c, paths, host)
	a := &Agent{Node: node, Token: secret}
	switch {
	case a.Token == "" && !a.hasJoined():
		return nil, errors.New("--token is required")
	case c.String("server") == "":
		return nil, errors.New("--server is required")
	case err != nil:
		return nil, fmt.Errorf("failed to get node name and addresses: %w", err)
	}
	// k3s connects through its own load balancer, which keeps the host and the port only.
	server, err := url.Parse(c.String("server"))
	if err != nil {
		return nil, err
	}
	a.URL = server.Scheme + "://" + server.Host
	return a, nil
}

// hasJoined: with the certificate of an earlier start, k3s requires no token.
func (a *Agent) hasJoined() bool {
	dir := filepath.Join(a.DataDir, "agent")
	_, err := tls.LoadX509KeyPair(filepath.Join(dir, "client-kubelet.crt"), filepath.Join(dir, "client-kubelet.key"))
	return err == nil
}
