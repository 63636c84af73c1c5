// Package network is the start of a node's network, as far as it is visible: the backends of k3s, and
// how long its network policy controller waits. There is no network and no controller here.
package network

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
)

const (
	addressesEvery = 250 * time.Millisecond
	// flannelStart is how long flannel takes to start, so that the heartbeat with which a node became
	// Ready is always in an earlier second than the start of the policy controller. In k3s it often is.
	flannelStart  = time.Second
	policyEvery   = 2 * time.Second
	policyTimeout = 15 * time.Minute
	none          = "none"
)

var backends = []string{"vxlan", "host-gw", "wireguard-native", "tailscale"}

// Network is that of one node.
type Network struct {
	Client        kubernetes.Interface
	Node          string
	Backend       string
	BackendConf   string // a file of the operator's in the place of k3s's for the backend
	DisablePolicy bool
}

// Start returns when k3s would have started the network of a registered node.
func (n Network) Start(ctx context.Context) error {
	if n.Backend != none {
		if n.BackendConf == "" && !slices.Contains(backends, n.Backend) {
			return fmt.Errorf("Cannot configure unknown flannel backend '%s'", n.Backend) //nolint:revive // k3s's message
		}
		if err := n.waitForAddresses(ctx); err != nil {
			return fmt.Errorf("flannel failed to wait for PodCIDR assignment: %w", err)
		}
	}
	if n.DisablePolicy {
		return nil
	}
	return n.startPolicy(ctx)
}

// waitForAddresses waits until the node has a range of addresses for its pods.
func (n Network) waitForAddresses(ctx context.Context) error {
	return wait.PollUntilContextCancel(ctx, addressesEvery, true, func(ctx context.Context) (bool, error) {
		node, err := n.Client.CoreV1().Nodes().Get(ctx, n.Node, metav1.GetOptions{})
		return err == nil && node.Spec.PodCIDR != "", nil
	})
}

// startPolicy waits for a heartbeat of the node that is not older than the controller, in whole seconds. The
// kubelet posts an unchanged status every 5 minutes only.
func (n Network) startPolicy(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(flannelStart):
	}
	start := time.Now().Truncate(time.Second)
	err := wait.PollUntilContextTimeout(ctx, policyEvery, policyTimeout, true, func(ctx context.Context) (bool, error) {
		node, err := n.Client.CoreV1().Nodes().Get(ctx, n.Node, metav1.GetOptions{})
		if err != nil {
			logrus.Infof("Network policy controller waiting to get Node %s: %v", n.Node, err)
			return false, nil
		}
		if lastReady(node).Before(start) {
			logrus.Debugf("Waiting for Ready condition to be updated for network policy controller")
			return false, nil
		}
		return true, nil
	})
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("network policy controller failed to wait for node.cloudprovider.kubernetes.io/uninitialized "+
			"taint to be removed from Node %s: %w", n.Node, err)
	}
	logrus.Info("Starting network policy controller: in this stand-in for k3s it enforces no policy")
	return nil
}

// lastReady is the last heartbeat of a node that is Ready.
func lastReady(node *corev1.Node) time.Time {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
			return condition.LastHeartbeatTime.Time
		}
	}
	return time.Time{}
}
