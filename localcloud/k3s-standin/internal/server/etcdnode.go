package server

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"k3s-aws/localcloud/k3s-standin/internal/etcd"
	"k3s-aws/localcloud/k3s-standin/internal/node"
)

const (
	voterCondition     = corev1.NodeConditionType("EtcdIsVoter")
	conditionHeartbeat = 5 * time.Minute
)

// followNodes keeps the Nodes of servers and the members of etcd together, until the context ends.
func (s *server) followNodes(ctx context.Context, d *etcdDatastore) error {
	factory := informers.NewSharedInformerFactory(s.client, 0)
	nodes := factory.Core().V1().Nodes()
	informer, lister := nodes.Informer(), nodes.Lister()
	mark := func(object any) {
		if n, ok := object.(*corev1.Node); ok && n.Name == s.config.Name {
			s.markNode(ctx, n, d.member.Name())
		}
	}
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: mark, UpdateFunc: func(_, object any) { mark(object) },
	}); err != nil {
		return err
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return ctx.Err()
	}
	report := func(ctx context.Context, states []etcd.State) { s.reportMembers(ctx, lister, states) }
	d.report.Store(&report)
	return elected(ctx, s.client, "k3s-etcd", s.config.Name, func(ctx context.Context) error {
		parts, ctx := errgroup.WithContext(ctx)
		parts.Go(func() error { return s.keepAddresses(ctx, d) })
		parts.Go(func() error { return runMembers(ctx, s.client, d.member, informer) })
		return parts.Wait()
	})
}

// forgetRemovals ends all requests to remove a member: the members are others now.
func (s *server) forgetRemovals(ctx context.Context) error {
	nodes, err := s.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: node.EtcdLabel + "=true"})
	if err != nil {
		return err
	}
	patch := []byte(fmt.Sprintf(`{"metadata":{"annotations":{%q:null,%q:null}}}`, node.RemoveAnnotation, node.RemovedAnnotation))
	for _, n := range nodes.Items {
		if _, err := s.client.CoreV1().Nodes().Patch(ctx, n.Name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// markNode says on this machine's Node which member is its.
func (s *server) markNode(ctx context.Context, n *corev1.Node, member string) {
	address := s.config.IPs[0].String()
	if n.Labels[node.EtcdLabel] == "true" && n.Annotations[node.MemberNameAnnotation] == member &&
		n.Annotations[node.MemberAddressAnnotation] == address {
		return
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"labels":      map[string]string{node.EtcdLabel: "true"},
		"annotations": map[string]string{node.MemberNameAnnotation: member, node.MemberAddressAnnotation: address},
	}})
	if err == nil {
		_, err = s.client.CoreV1().Nodes().Patch(ctx, n.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	}
	if err != nil && ctx.Err() == nil {
		logrus.Errorf("Unable to set etcd label and annotations: %v", err)
	}
}

// reportMembers writes a condition of each server's Node: whether its member votes.
func (s *server) reportMembers(ctx context.Context, lister listers.NodeLister, states []etcd.State) {
	nodes, err := lister.List(labels.SelectorFromSet(labels.Set{node.EtcdLabel: "true"}))
	if err != nil {
		logrus.Warnf("Failed to list nodes with etcd role: %v", err)
		return
	}
	for _, n := range nodes {
		if err := s.setCondition(ctx, n, conditionOf(n, states)); err != nil && ctx.Err() == nil {
			logrus.Errorf("Unable to set etcd status condition %s: %v", n.Name, err)
		}
	}
}

func conditionOf(n *corev1.Node, states []etcd.State) corev1.NodeCondition {
	no := func(reason, message string) corev1.NodeCondition {
		return corev1.NodeCondition{Type: voterCondition, Status: corev1.ConditionFalse, Reason: reason, Message: message}
	}
	for _, state := range states {
		switch {
		case state.Name != n.Annotations[node.MemberNameAnnotation]:
		case state.Trouble != "":
			return no("Unhealthy", state.Trouble)
		case state.Learner:
			return no("MemberIsLearner", "Node has not been promoted to voting member of the etcd cluster")
		default:
			return corev1.NodeCondition{Type: voterCondition, Status: corev1.ConditionTrue, Reason: "MemberNotLearner",
				Message: "Node is a voting member of the etcd cluster"}
		}
	}
	return no("NotAMember", "Node is not a member of the etcd cluster")
}

func (s *server) setCondition(ctx context.Context, n *corev1.Node, wanted corev1.NodeCondition) error {
	now := metav1.Now()
	wanted.LastHeartbeatTime, wanted.LastTransitionTime = now, now
	for _, have := range n.Status.Conditions {
		if have.Type == voterCondition && have.Status == wanted.Status && have.Reason == wanted.Reason && have.Message == wanted.Message {
			if now.Sub(have.LastHeartbeatTime.Time) < conditionHeartbeat {
				return nil
			}
			wanted.LastTransitionTime = have.LastTransitionTime
		}
	}
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"conditions": []corev1.NodeCondition{wanted}}})
	if err != nil {
		return err
	}
	_, err = s.client.CoreV1().Nodes().Patch(ctx, n.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	return err
}
