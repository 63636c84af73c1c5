package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sirupsen/logrus"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"

	"k3s-aws/localcloud/k3s-standin/internal/node"
)

// removalFinalizer holds a Node until its member of etcd is gone. k3s puts it on every Node.
const removalFinalizer = "wrangler.cattle.io/managed-etcd-controller"

const (
	firstRetry = 5 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// remover takes a member out of etcd.
type remover interface {
	Remove(ctx context.Context, name, address string) error
}

// members removes the member of a Node that is deleted, or whose annotation asks for it. One server of the cluster
// does it.
type members struct {
	client kubernetes.Interface
	etcd   remover
	nodes  cache.SharedIndexInformer
	queue  workqueue.TypedRateLimitingInterface[string]
}

// runMembers works until the context ends.
func runMembers(ctx context.Context, client kubernetes.Interface, etcd remover, nodes cache.SharedIndexInformer) error {
	logrus.Info("Starting managed etcd member removal controller")
	m := &members{client: client, etcd: etcd, nodes: nodes, queue: workqueue.NewTypedRateLimitingQueue(
		workqueue.NewTypedItemExponentialFailureRateLimiter[string](firstRetry, lastRetry))}
	defer m.queue.ShutDown()
	add := func(object any) {
		if n, ok := object.(*corev1.Node); ok {
			m.queue.Add(n.Name)
		}
	}
	registration, err := nodes.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: add, UpdateFunc: func(_, object any) { add(object) },
	})
	if err != nil {
		return err
	}
	defer func() { _ = nodes.RemoveEventHandler(registration) }()
	go m.work(ctx)
	<-ctx.Done()
	return ctx.Err()
}

func (m *members) work(ctx context.Context) {
	for {
		name, end := m.queue.Get()
		if end {
			return
		}
		if err := m.sync(ctx, name); err != nil && ctx.Err() == nil {
			logrus.Errorf("error syncing '%s': handler managed-etcd-controller: %v, requeuing", name, err)
			m.queue.AddRateLimited(name)
		} else {
			m.queue.Forget(name)
		}
		m.queue.Done(name)
	}
}

func (m *members) sync(ctx context.Context, name string) error {
	found, err := m.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	held := slices.Contains(found.Finalizers, removalFinalizer)
	switch {
	case found.DeletionTimestamp == nil && !held:
		found.Finalizers = append(found.Finalizers, removalFinalizer)
		return m.update(ctx, found)
	case found.DeletionTimestamp == nil:
		return m.onRequest(ctx, found)
	case !held:
		return nil
	}
	if err := m.onDelete(ctx, found); err != nil {
		return err
	}
	found.Finalizers = slices.DeleteFunc(found.Finalizers, func(f string) bool { return f == removalFinalizer })
	return m.update(ctx, found)
}

func (m *members) update(ctx context.Context, changed *corev1.Node) error {
	_, err := m.client.CoreV1().Nodes().Update(ctx, changed, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func (m *members) onDelete(ctx context.Context, deleted *corev1.Node) error {
	if _, member := deleted.Labels[node.EtcdLabel]; !member || deleted.Annotations[node.RemovedAnnotation] != "" {
		return nil
	}
	name, address, err := memberOf(deleted)
	if err != nil {
		return err
	}
	logrus.Infof("Removing etcd member from cluster due to node delete: name=%s address=%s", name, address)
	return m.etcd.Remove(ctx, name, address)
}

// onRequest removes the member of a Node that stays.
func (m *members) onRequest(ctx context.Context, asked *corev1.Node) error {
	request, found := asked.Annotations[node.RemoveAnnotation]
	if _, member := asked.Labels[node.EtcdLabel]; !member || !found {
		return nil
	}
	name, address, err := memberOf(asked)
	if err != nil {
		return err
	}
	if removed := asked.Annotations[node.RemovedAnnotation]; removed != "" {
		if removed == name {
			return nil
		}
		// The server has joined again, with another name.
		delete(asked.Annotations, node.RemovedAnnotation)
		delete(asked.Annotations, node.RemoveAnnotation)
		return m.update(ctx, asked)
	}
	if request != "true" {
		return nil
	}
	logrus.Infof("Removing etcd member from cluster due to remove annotation: name=%s address=%s", name, address)
	err = m.etcd.Remove(ctx, name, address)
	if err != nil && !errors.Is(err, rpctypes.ErrMemberNotEnoughStarted) {
		return err
	}
	delete(asked.Annotations, node.RemoveAnnotation)
	if err == nil {
		asked.Annotations[node.RemovedAnnotation] = name
		delete(asked.Annotations, node.MemberNameAnnotation)
		delete(asked.Annotations, node.MemberAddressAnnotation)
	}
	return m.update(ctx, asked)
}

func memberOf(n *corev1.Node) (name, address string, err error) {
	name, address = n.Annotations[node.MemberNameAnnotation], n.Annotations[node.MemberAddressAnnotation]
	switch {
	case name == "":
		return "", "", fmt.Errorf("node name annotation for node %s not found", n.Name)
	case address == "":
		return "", "", fmt.Errorf("node address annotation for node %s not found", n.Name)
	}
	return name, address, nil
}
