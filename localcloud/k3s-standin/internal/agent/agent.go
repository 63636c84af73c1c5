// Package agent is `k3s agent`: it joins a cluster and keeps a hollow node there.
package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/sirupsen/logrus"
	"k8s.io/client-go/kubernetes"

	"k3s-aws/localcloud/k3s-standin/internal/config"
	"k3s-aws/localcloud/k3s-standin/internal/join"
	"k3s-aws/localcloud/k3s-standin/internal/kubeconfig"
	"k3s-aws/localcloud/k3s-standin/internal/node"
)

const registerEvery = time.Second

// Run joins, registers the node, calls registered and keeps the node until the context ends.
// It waits as long as it takes for a server that does not answer, as k3s does.
func Run(ctx context.Context, c *config.Agent, registered func(context.Context) error) error {
	hollow, err := node.New(c.Node)
	if err != nil {
		return err
	}
	cluster, err := join.Until(ctx, c.URL, c.Token)
	if err != nil {
		return err
	}
	client, err := identify(ctx, cluster, c)
	if err != nil {
		return err
	}
	for {
		err := hollow.Register(ctx, client)
		if err == nil {
			err = registered(ctx)
		}
		if err == nil {
			return hollow.Run(ctx)
		}
		logrus.Errorf("Unable to register node with API server: %v", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(registerEvery):
		}
	}
}

// identify gets the node's certificate and leaves it where k3s leaves it, for the next start too.
func identify(ctx context.Context, cluster *join.Cluster, c *config.Agent) (kubernetes.Interface, error) {
	dir := filepath.Join(c.DataDir, "agent")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	certFile, keyFile := filepath.Join(dir, "client-kubelet.crt"), filepath.Join(dir, "client-kubelet.key")
	var held []tls.Certificate
	if pair, err := tls.LoadX509KeyPair(certFile, keyFile); err == nil {
		held = append(held, pair)
	}
	cert, key, err := cluster.Certificate(ctx, c.Name, c.PasswordFile, held...)
	if err != nil {
		return nil, err
	}
	access := kubeconfig.Access{URL: cluster.URL, CA: cluster.CACerts, Certificate: cert, Key: key}
	err = errors.Join(
		os.WriteFile(certFile, cert, 0o600),
		os.WriteFile(keyFile, key, 0o600),
		os.WriteFile(filepath.Join(dir, "server-ca.crt"), cluster.CACerts, 0o600),
		access.Write(filepath.Join(dir, "kubelet.kubeconfig"), 0o600),
	)
	if err != nil {
		return nil, err
	}
	rest := access.RestConfig()
	rest.QPS, rest.Burst = 50, 100 // the kubelet's limits
	return kubernetes.NewForConfig(rest)
}
