package server

import (
	"context"
	"errors"
	"slices"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"k3s-aws/localcloud/k3s-standin/internal/etcd"
	"k3s-aws/localcloud/k3s-standin/internal/node"
)

type removals struct {
	names  []string
	answer error
}

func (r *removals) Remove(_ context.Context, name, _ string) error {
	r.names = append(r.names, name)
	return r.answer
}

// serverNode is the Node of a server with etcd.
func serverNode(annotations map[string]string) *corev1.Node {
	all := map[string]string{node.MemberNameAnnotation: "a-12345678", node.MemberAddressAnnotation: "10.0.0.1"}
	for key, value := range annotations {
		all[key] = value
	}
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{node.EtcdLabel: "true"},
		Annotations: all, Finalizers: []string{removalFinalizer}}}
}

// after gives the Node after one look at it.
func after(t *testing.T, n *corev1.Node, r *removals) (*corev1.Node, error) {
	t.Helper()
	client := fake.NewClientset(n)
	m := &members{client: client, etcd: r}
	err := m.sync(t.Context(), n.Name)
	changed, getErr := client.CoreV1().Nodes().Get(t.Context(), n.Name, metav1.GetOptions{})
	if getErr != nil {
		t.Fatal(getErr)
	}
	return changed, err
}

func TestEveryNodeIsHeldForTheMembersSake(t *testing.T) {
	changed, err := after(t, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "agent"}}, &removals{})
	if err != nil || !slices.Contains(changed.Finalizers, removalFinalizer) {
		t.Errorf("%v, %v", err, changed.Finalizers)
	}
}

func TestADeletedNodeGoesOnceItsMemberIsGone(t *testing.T) {
	now := metav1.Now()
	for _, c := range []struct {
		change  func(*corev1.Node)
		answer  error
		removed int
		held    bool
	}{
		{func(*corev1.Node) {}, nil, 1, false},
		{func(*corev1.Node) {}, errors.New("no leader"), 1, true},
		{func(n *corev1.Node) { delete(n.Labels, node.EtcdLabel) }, nil, 0, false},
		{func(n *corev1.Node) { delete(n.Annotations, node.MemberNameAnnotation) }, nil, 0, true},
		{func(n *corev1.Node) { n.Annotations[node.RemovedAnnotation] = "a-12345678" }, nil, 0, false},
	} {
		n, r := serverNode(nil), &removals{answer: c.answer}
		n.DeletionTimestamp = &now
		c.change(n)
		changed, err := after(t, n, r)
		if held := slices.Contains(changed.Finalizers, removalFinalizer); held != c.held || held != (err != nil) || len(r.names) != c.removed {
			t.Errorf("held %t, %v, removed %v", held, err, r.names)
		}
	}
}

func TestAMemberIsRemovedOnRequestAndItsNodeStays(t *testing.T) {
	r := &removals{}
	changed, err := after(t, serverNode(map[string]string{node.RemoveAnnotation: "true"}), r)
	if err != nil || len(r.names) != 1 || changed.Annotations[node.RemovedAnnotation] != "a-12345678" ||
		changed.Annotations[node.MemberNameAnnotation] != "" {
		t.Errorf("%v, %v, %v", err, r.names, changed.Annotations)
	}
	last, err := after(t, serverNode(map[string]string{node.RemoveAnnotation: "true"}), &removals{answer: rpctypes.ErrMemberNotEnoughStarted})
	if _, asked := last.Annotations[node.RemoveAnnotation]; err != nil || asked || last.Annotations[node.RemovedAnnotation] != "" {
		t.Errorf("%v, %v", err, last.Annotations)
	}
	again, err := after(t, serverNode(map[string]string{node.RemoveAnnotation: "true", node.RemovedAnnotation: "a-other"}), r)
	if _, asked := again.Annotations[node.RemoveAnnotation]; err != nil || asked || len(r.names) != 1 {
		t.Errorf("%v, %v", err, again.Annotations)
	}
}

func TestANodeShowsWhetherItsMemberVotes(t *testing.T) {
	for reason, states := range map[string][]etcd.State{
		"MemberNotLearner": {{Name: "b"}, {Name: "a-12345678"}},
		"MemberIsLearner":  {{Name: "a-12345678", Learner: true}},
		"Unhealthy":        {{Name: "a-12345678", Trouble: "it is gone"}},
		"NotAMember":       {{Name: "b"}},
	} {
		got := conditionOf(serverNode(nil), states)
		if got.Reason != reason || (got.Status == corev1.ConditionTrue) != (reason == "MemberNotLearner") {
			t.Errorf("%v, want %s", got, reason)
		}
	}
}
