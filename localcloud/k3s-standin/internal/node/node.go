// Package node keeps a hollow node: a real Node with lease, conditions and pods that count as
// running, on a machine where no container runs.
package node

import (
	"context"
	"fmt"
	"maps"
	"net"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/component-helpers/apimachinery/lease"
	kubeletutil "k8s.io/kubernetes/pkg/kubelet/util"
	"k8s.io/utils/clock"

	"k3s-aws/localcloud/k3s-standin/internal/config"
	"k3s-aws/localcloud/k3s-standin/internal/kubelet"
)

// leaseRenewals is how often the kubelet renews its lease while it lasts.
const leaseRenewals = 4

// Node is one machine's presence in the cluster.
type Node struct {
	client      kubernetes.Interface
	config      config.Node
	externalIPs []net.IP
	kubelet     kubelet.Settings
}

// New does not touch the network.
func New(c config.Node, externalIPs []net.IP, settings kubelet.Settings) *Node {
	if settings.ProviderID == "" {
		settings.ProviderID = "k3s://" + c.Name
	}
	return &Node{config: c, externalIPs: externalIPs, kubelet: settings}
}

// Register creates the Node, or takes over the one of an earlier start, and posts that it is Ready.
func (n *Node) Register(ctx context.Context, client kubernetes.Interface) error {
	n.client = client
	node, err := client.CoreV1().Nodes().Create(ctx, n.object(), metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		node, err = n.adopt(ctx)
	}
	if err != nil {
		return fmt.Errorf("register node %s: %w", n.config.Name, err)
	}
	if err := n.post(ctx, node); err != nil {
		return fmt.Errorf("post the status of node %s: %w", n.config.Name, err)
	}
	logrus.Infof("Node %s registered; it is hollow: its pods run no containers", n.config.Name)
	return nil
}

// Run keeps the registered node alive until the context ends. As with a kubelet, a Node that is
// deleted meanwhile comes back only with the next start.
func (n *Node) Run(ctx context.Context) error {
	if err := n.runPods(ctx); err != nil {
		return err
	}
	renewal := lease.NewController(clock.RealClock{}, n.client, n.config.Name, int32(n.kubelet.Lease.Seconds()), nil,
		n.kubelet.Lease/leaseRenewals, n.config.Name, corev1.NamespaceNodeLease,
		kubeletutil.SetNodeOwnerFunc(ctx, n.client, n.config.Name))
	go renewal.Run(ctx)
	wait.UntilWithContext(ctx, n.refresh, n.kubelet.StatusUpdate)
	return nil
}

func (n *Node) object() *corev1.Node {
	labels := defaultLabels(n.config.Name)
	maps.Copy(labels, n.kubelet.Labels)
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: n.config.Name, Labels: labels, Annotations: n.annotations()},
		Spec:       corev1.NodeSpec{ProviderID: n.kubelet.ProviderID, Taints: n.kubelet.Taints},
	}
}

func (n *Node) annotations() map[string]string {
	annotations := map[string]string{
		"k3s.io/hostname":    n.config.Name,
		"k3s.io/internal-ip": joined(n.config.IPs),
	}
	if len(n.externalIPs) > 0 {
		annotations["k3s.io/external-ip"] = joined(n.externalIPs)
	}
	return annotations
}

// adopt merges labels and annotations into an existing Node. Taints and the provider's id stay
// as they were at registration.
func (n *Node) adopt(ctx context.Context) (*corev1.Node, error) {
	nodes := n.client.CoreV1().Nodes()
	node, err := nodes.Get(ctx, n.config.Name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	wanted, changed := n.object(), node.DeepCopy()
	if changed.Labels == nil {
		changed.Labels = map[string]string{}
	}
	if changed.Annotations == nil {
		changed.Annotations = map[string]string{}
	}
	maps.Copy(changed.Labels, wanted.Labels)
	maps.Copy(changed.Annotations, wanted.Annotations)
	if maps.Equal(changed.Labels, node.Labels) && maps.Equal(changed.Annotations, node.Annotations) {
		return node, nil
	}
	return nodes.Update(ctx, changed, metav1.UpdateOptions{})
}

// post writes the whole status.
func (n *Node) post(ctx context.Context, node *corev1.Node) error {
	node = node.DeepCopy()
	resources := capacity(n.config.DataDir, n.kubelet.MaxPods)
	node.Status.Capacity, node.Status.Allocatable = resources, resources
	node.Status.Addresses = n.addresses()
	node.Status.NodeInfo = systemInfo()
	node.Status.Conditions = conditions(node.Status.Conditions, metav1.Now())
	_, err := n.client.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{})
	return err
}

// refresh posts the status when it is due, or when somebody wrote that the node is not ready.
func (n *Node) refresh(ctx context.Context) {
	node, err := n.client.CoreV1().Nodes().Get(ctx, n.config.Name, metav1.GetOptions{})
	if err == nil && n.due(node) {
		err = n.post(ctx, node)
	}
	switch {
	case apierrors.IsNotFound(err):
		logrus.Errorf("Error getting the current node from lister: node %q not found", n.config.Name)
	case err != nil && ctx.Err() == nil:
		logrus.Errorf("Error updating node status, will retry: %v", err)
	}
}

func (n *Node) due(node *corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status != corev1.ConditionTrue ||
				// Half a period of slack, because heartbeats are stored in whole seconds.
				time.Since(condition.LastHeartbeatTime.Time) > n.kubelet.StatusReport-n.kubelet.StatusUpdate/2
		}
	}
	return true
}

func (n *Node) addresses() []corev1.NodeAddress {
	var all []corev1.NodeAddress
	for _, ip := range n.config.IPs {
		all = append(all, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: ip.String()})
	}
	for _, ip := range n.externalIPs {
		all = append(all, corev1.NodeAddress{Type: corev1.NodeExternalIP, Address: ip.String()})
	}
	return append(all, corev1.NodeAddress{Type: corev1.NodeHostName, Address: n.config.Name})
}

func joined(ips []net.IP) string {
	var all []string
	for _, ip := range ips {
		all = append(all, ip.String())
	}
	return strings.Join(all, ",")
}

// conditions says that all is well, and keeps since when where that was so already.
func conditions(before []corev1.NodeCondition, now metav1.Time) []corev1.NodeCondition {
	since := map[corev1.NodeConditionType]corev1.NodeCondition{}
	for _, condition := range before {
		since[condition.Type] = condition
	}
	condition := func(kind corev1.NodeConditionType, status corev1.ConditionStatus, reason, message string) corev1.NodeCondition {
		c := corev1.NodeCondition{Type: kind, Status: status, Reason: reason, Message: message,
			LastHeartbeatTime: now, LastTransitionTime: now}
		if old, ok := since[kind]; ok && old.Status == status {
			c.LastTransitionTime = old.LastTransitionTime
		}
		return c
	}
	no := corev1.ConditionFalse
	own := []corev1.NodeCondition{
		condition(corev1.NodeMemoryPressure, no, "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
		condition(corev1.NodeDiskPressure, no, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
		condition(corev1.NodePIDPressure, no, "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
		condition(corev1.NodeReady, corev1.ConditionTrue, "KubeletReady", "hollow node is posting ready status"),
	}
	for _, condition := range own {
		delete(since, condition.Type)
	}
	// Those of others stay, as with a kubelet.
	for _, condition := range before {
		if _, others := since[condition.Type]; others {
			own = append(own, condition)
		}
	}
	return own
}
