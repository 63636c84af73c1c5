// Package agent is `k3s agent`: it joins a cluster and keeps a hollow node there.
package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"

	"k3s-aws/localcloud/k3s-standin/internal/balancer"
	"k3s-aws/localcloud/k3s-standin/internal/config"
	"k3s-aws/localcloud/k3s-standin/internal/join"
	"k3s-aws/localcloud/k3s-standin/internal/kubeconfig"
	"k3s-aws/localcloud/k3s-standin/internal/kubelet"
	"k3s-aws/localcloud/k3s-standin/internal/network"
	"k3s-aws/localcloud/k3s-standin/internal/node"
	"k3s-aws/localcloud/k3s-standin/internal/shutdown"
)

const (
	registerEvery = time.Second
	addressEvery  = 5 * time.Second
	// serversEvery: k3s watches the addresses, with a client that is not here.
	serversEvery = 5 * time.Second
)

// Run keeps a node of the machine's own, and knows which servers the cluster has while it runs.
func Run(ctx context.Context, c *config.Agent, up func() error) error {
	servers, err := balancer.New(c.URL, filepath.Join(c.DataDir, "agent", "etc", "k3s-agent-load-balancer.json"))
	if err != nil {
		return err
	}
	go servers.Run(ctx)
	return Join(ctx, c, servers, up)
}

// Join joins, keeps the node until the context ends, and calls up once the node's network has started. It
// waits without end for a server that is not reachable, as k3s does. A server's own node has no others to connect to.
func Join(ctx context.Context, c *config.Agent, servers *balancer.Balancer, up func() error) error {
	cluster, err := join.Until(ctx, c.URL, c.Token, dialOf(servers))
	if err != nil {
		return err
	}
	if err := AwaitConfiguration(ctx, c.Node); err != nil {
		return err
	}
	client, pair, err := identify(ctx, cluster, c, servers)
	if err != nil {
		return err
	}
	server := cluster.Configuration
	if err := config.CheckFamilies(server.ClusterIPRanges, server.ServiceIPRanges, c.IPs); err != nil {
		return err
	}
	settings, err := kubelet.Load(c.Node)
	if err != nil {
		return shutdown.Because(err)
	}
	externalIPs, err := c.ParsedExternalIPs()
	if err != nil {
		return err
	}
	nodeNetwork := network.Network{
		Client: client, Node: c.Name, Backend: server.FlannelBackend, BackendConf: c.FlannelConf,
		DisablePolicy: server.DisableNPC,
	}
	parts, ctx := errgroup.WithContext(ctx)
	if servers != nil {
		parts.Go(func() error { return follow(ctx, cluster, servers, pair) })
	}
	parts.Go(func() error {
		settings.ServeHealth(ctx)
		return nil
	})
	parts.Go(func() error {
		hollow := node.New(c.Node, externalIPs, settings)
		if err := register(ctx, hollow, client); err != nil {
			return err
		}
		parts.Go(func() error { return start(ctx, nodeNetwork, up) })
		return hollow.Run(ctx)
	})
	return parts.Wait()
}

// AwaitConfiguration returns at once for a node with valid external addresses and registries.yaml. With
// others k3s neither joins nor ends: it logs the reason again and again.
func AwaitConfiguration(ctx context.Context, c config.Node) error {
	for {
		_, err := c.ParsedExternalIPs()
		if err == nil {
			err = c.CheckRegistries()
		}
		if err == nil {
			return nil
		}
		logrus.Infof("Waiting to retrieve agent configuration; server is not ready: %v", err)
		if err := pause(ctx, addressEvery); err != nil {
			return err
		}
	}
}

func dialOf(servers *balancer.Balancer) join.Dial {
	if servers == nil {
		return nil
	}
	return servers.Dial
}

// follow keeps the list of servers up to date.
func follow(ctx context.Context, cluster *join.Cluster, servers *balancer.Balancer, pair tls.Certificate) error {
	for {
		list, err := cluster.Servers(ctx, pair)
		if err == nil {
			err = servers.Update(list)
		}
		if err != nil && ctx.Err() == nil {
			logrus.Warnf("Failed to get the list of servers: %v", err)
		}
		if err := pause(ctx, serversEvery); err != nil {
			return err
		}
	}
}

func register(ctx context.Context, hollow *node.Node, client kubernetes.Interface) error {
	for {
		err := hollow.Register(ctx, client)
		if err == nil {
			return nil
		}
		logrus.Errorf("Unable to register node with API server: %v", err)
		if err := pause(ctx, registerEvery); err != nil {
			return err
		}
	}
}

func start(ctx context.Context, n network.Network, up func() error) error {
	err := n.Start(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return shutdown.Because(fmt.Errorf("failed to start networking: %w", err))
	}
	return up()
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// identify gets the node's certificate and leaves it where k3s leaves it, for the next start too.
func identify(ctx context.Context, cluster *join.Cluster, c *config.Agent, servers *balancer.Balancer) (kubernetes.Interface, tls.Certificate, error) {
	var pair tls.Certificate
	dir := filepath.Join(c.DataDir, "agent")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, pair, err
	}
	certFile, keyFile := filepath.Join(dir, "client-kubelet.crt"), filepath.Join(dir, "client-kubelet.key")
	var held []tls.Certificate
	if pair, err := tls.LoadX509KeyPair(certFile, keyFile); err == nil {
		held = append(held, pair)
	}
	cert, key, err := cluster.Certificate(ctx, c.Name, c.PasswordFile, held...)
	if err != nil {
		return nil, pair, err
	}
	if pair, err = tls.X509KeyPair(cert, key); err != nil {
		return nil, pair, err
	}
	access := kubeconfig.Access{URL: cluster.URL, CA: cluster.CACerts, Certificate: cert, Key: key}
	err = errors.Join(
		os.WriteFile(certFile, cert, 0o600),
		os.WriteFile(keyFile, key, 0o600),
		os.WriteFile(filepath.Join(dir, "server-ca.crt"), cluster.CACerts, 0o600),
		access.Write(filepath.Join(dir, "kubelet.kubeconfig"), 0o600),
	)
	if err != nil {
		return nil, pair, err
	}
	rest := access.RestConfig()
	rest.QPS, rest.Burst = 50, 100 // the kubelet's limits
	if servers != nil {
		rest.Dial, rest.ServerName = servers.Dial, balancer.ServerName
	}
	client, err := kubernetes.NewForConfig(rest)
	return client, pair, err
}
