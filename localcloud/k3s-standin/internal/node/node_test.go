package node

import (
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"k3s-aws/localcloud/k3s-standin/internal/config"
	"k3s-aws/localcloud/k3s-standin/internal/kubelet"
)

func newNode(t *testing.T, c config.Node, externalIPs ...net.IP) *Node {
	t.Helper()
	c.Name, c.IPs, c.DataDir = "a", []net.IP{net.IPv4(10, 64, 0, 20)}, t.TempDir()
	settings, err := kubelet.Load(c)
	if err != nil {
		t.Fatal(err)
	}
	return New(c, externalIPs, settings)
}

func register(t *testing.T, n *Node, before ...*corev1.Node) *corev1.Node {
	t.Helper()
	client := fake.NewClientset()
	for _, node := range before {
		if _, err := client.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Register(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	node, err := client.CoreV1().Nodes().Get(t.Context(), "a", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return node
}

func wants(t *testing.T, want, got string) {
	t.Helper()
	if want != got {
		t.Errorf("want %q, got %q", want, got)
	}
}

func TestANodeIsReadyAndSaysThatItIsHollow(t *testing.T) {
	node := register(t, newNode(t, config.Node{}, net.IPv4(127, 44, 1, 2)))
	ready := node.Status.Conditions[len(node.Status.Conditions)-1]
	wants(t, "Ready=True", string(ready.Type)+"="+string(ready.Status))
	wants(t, "hollow://v1.36.4+standin1", node.Status.NodeInfo.ContainerRuntimeVersion)
	wants(t, "v1.36.4+standin1", node.Status.NodeInfo.KubeletVersion)
	wants(t, "k3s://a", node.Spec.ProviderID)
	wants(t, runtime.GOARCH, node.Labels["kubernetes.io/arch"])
	wants(t, "k3s", node.Labels["node.kubernetes.io/instance-type"])
	var addresses []string
	for _, address := range node.Status.Addresses {
		addresses = append(addresses, string(address.Type)+"="+address.Address)
	}
	wants(t, "InternalIP=10.64.0.20 ExternalIP=127.44.1.2 Hostname=a", strings.Join(addresses, " "))
	if node.Status.Capacity.Cpu().IsZero() || node.Status.Capacity.Memory().IsZero() {
		t.Errorf("capacity %v", node.Status.Capacity)
	}
}

func TestLabelsTaintsAndProviderIDAreThoseOfTheConfiguration(t *testing.T) {
	node := register(t, newNode(t, config.Node{
		Labels:      []string{"tier=web", "topology.kubernetes.io/zone=us-east-1a", "node.kubernetes.io/instance-type=t4g.small"},
		Taints:      []string{"dedicated=web:NoSchedule"},
		KubeletArgs: []string{"provider-id=aws:///us-east-1a/i-0123", "max-pods=10"},
	}))
	wants(t, "web", node.Labels["tier"])
	wants(t, "us-east-1a", node.Labels["topology.kubernetes.io/zone"])
	wants(t, "t4g.small", node.Labels["node.kubernetes.io/instance-type"])
	wants(t, "aws:///us-east-1a/i-0123", node.Spec.ProviderID)
	wants(t, "dedicated=web:NoSchedule", node.Spec.Taints[0].ToString())
	wants(t, "10", node.Status.Capacity.Pods().String())
}

func TestALaterStartMergesLabelsAndLeavesTheRest(t *testing.T) {
	before := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{"added-by": "operator", "tier": "old"}},
		Spec:       corev1.NodeSpec{ProviderID: "k3s://before", Unschedulable: true},
	}
	node := register(t, newNode(t, config.Node{Labels: []string{"tier=new"}}), before)
	wants(t, "operator", node.Labels["added-by"])
	wants(t, "new", node.Labels["tier"])
	wants(t, "k3s://before", node.Spec.ProviderID)
	if !node.Spec.Unschedulable {
		t.Error("the start uncordoned the node")
	}
}

func TestAStatusIsPostedWhenItIsDueOrWrong(t *testing.T) {
	n := newNode(t, config.Node{})
	for _, c := range []struct {
		status corev1.ConditionStatus
		age    time.Duration
		due    bool
	}{
		{corev1.ConditionTrue, time.Minute, false},
		{corev1.ConditionTrue, 5 * time.Minute, true},
		{corev1.ConditionUnknown, time.Second, true},
	} {
		node := &corev1.Node{Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{
			Type: corev1.NodeReady, Status: c.status, LastHeartbeatTime: metav1.NewTime(time.Now().Add(-c.age)),
		}}}}
		if due := n.due(node); due != c.due {
			t.Errorf("%s since %s: due %t, want %t", c.status, c.age, due, c.due)
		}
	}
}

func TestAConditionKeepsItsBeginningWhileItLasts(t *testing.T) {
	then, now := metav1.NewTime(time.Unix(1000, 0)), metav1.NewTime(time.Unix(2000, 0))
	for status, want := range map[corev1.ConditionStatus]metav1.Time{
		corev1.ConditionTrue: then, corev1.ConditionUnknown: now,
	} {
		before := []corev1.NodeCondition{{Type: corev1.NodeReady, Status: status, LastTransitionTime: then}}
		for _, condition := range conditions(before, now) {
			if condition.Type == corev1.NodeReady && condition.LastTransitionTime != want {
				t.Errorf("%s: since %v, want %v", status, condition.LastTransitionTime, want)
			}
		}
	}
}

func TestARunningPodHasEveryContainerUp(t *testing.T) {
	always := corev1.ContainerRestartPolicyAlways
	pod := &corev1.Pod{Spec: corev1.PodSpec{
		InitContainers: []corev1.Container{{Name: "init"}, {Name: "sidecar", RestartPolicy: &always}},
		Containers:     []corev1.Container{{Name: "one"}, {Name: "two"}},
	}}
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}}
	status := running(pod, "10.64.0.20", "10.42.1.2", metav1.Now())
	wants(t, "Running 10.64.0.20 10.42.1.2", string(status.Phase)+" "+status.HostIP+" "+status.PodIP)
	if status.InitContainerStatuses[0].State.Terminated == nil || status.InitContainerStatuses[1].State.Running == nil {
		t.Errorf("init containers %+v", status.InitContainerStatuses)
	}
	for _, c := range status.ContainerStatuses {
		if !c.Ready || c.State.Running == nil {
			t.Errorf("container %+v", c)
		}
	}
	if len(status.ContainerStatuses) != 2 || len(status.Conditions) != 5 {
		t.Errorf("%d containers, %d conditions", len(status.ContainerStatuses), len(status.Conditions))
	}
}
