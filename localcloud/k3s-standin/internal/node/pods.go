package node

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// pods plays the kubelet for the pods bound to one node: they run at once and go at once.
type pods struct {
	node   *Node
	lister corelisters.PodLister
	queue  workqueue.TypedRateLimitingInterface[string]
	taken  map[netip.Addr]string // address -> pod's key; only the one goroutine of work uses it
}

func (n *Node) runPods(ctx context.Context) error {
	factory := informers.NewSharedInformerFactoryWithOptions(n.client, 0,
		informers.WithTweakListOptions(func(o *metav1.ListOptions) {
			o.FieldSelector = fields.OneTermEqualSelector("spec.nodeName", n.config.Name).String()
		}))
	informer := factory.Core().V1().Pods()
	p := &pods{
		node: n, lister: informer.Lister(), taken: map[netip.Addr]string{},
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[string](50*time.Millisecond, 5*time.Second)),
	}
	enqueue := func(object any) {
		if key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object); err == nil {
			p.queue.Add(key)
		}
	}
	_, err := informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: enqueue, UpdateFunc: func(_, object any) { enqueue(object) }, DeleteFunc: enqueue,
	})
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	context.AfterFunc(ctx, p.queue.ShutDown)
	go func() {
		if cache.WaitForCacheSync(ctx.Done(), informer.Informer().HasSynced) {
			p.work(ctx)
		}
	}()
	return nil
}

func (p *pods) work(ctx context.Context) {
	all, err := p.lister.List(labels.Everything())
	if err != nil {
		logrus.Errorf("pods of this node: %v", err)
	}
	for _, pod := range all {
		if address, err := netip.ParseAddr(pod.Status.PodIP); err == nil && !pod.Spec.HostNetwork {
			p.taken[address] = pod.Namespace + "/" + pod.Name
		}
	}
	for {
		key, stopped := p.queue.Get()
		if stopped {
			return
		}
		if err := p.sync(ctx, key); err != nil && ctx.Err() == nil {
			logrus.Debugf("pod %s: %v", key, err)
			p.queue.AddRateLimited(key)
		} else {
			p.queue.Forget(key)
		}
		p.queue.Done(key)
	}
}

func (p *pods) sync(ctx context.Context, key string) error {
	namespace, name, err := cache.SplitMetaNamespaceKey(key)
	if err != nil {
		return err
	}
	pod, err := p.lister.Pods(namespace).Get(name)
	switch {
	case apierrors.IsNotFound(err):
		p.release(key)
		return nil
	case err != nil:
		return err
	case pod.DeletionTimestamp != nil:
		return p.remove(ctx, pod)
	case pod.Status.Phase == corev1.PodPending || pod.Status.Phase == "":
		return p.start(ctx, key, pod)
	}
	return nil
}

func (p *pods) remove(ctx context.Context, pod *corev1.Pod) error {
	none := int64(0)
	err := p.node.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &none, Preconditions: metav1.NewUIDPreconditions(string(pod.UID)),
	})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}

func (p *pods) start(ctx context.Context, key string, pod *corev1.Pod) error {
	address := p.node.config.IPs[0].String()
	if !pod.Spec.HostNetwork {
		free, err := p.assign(ctx, key)
		if err != nil {
			return err
		}
		address = free.String()
	}
	pod = pod.DeepCopy()
	pod.Status = running(pod, p.node.config.IPs[0].String(), address, metav1.Now())
	_, err := p.node.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// assign gives a pod the first free address of the node's range; .0 and .1 are the network's own.
func (p *pods) assign(ctx context.Context, key string) (netip.Addr, error) {
	for address, owner := range p.taken {
		if owner == key {
			return address, nil
		}
	}
	node, err := p.node.client.CoreV1().Nodes().Get(ctx, p.node.config.Name, metav1.GetOptions{})
	if err != nil {
		return netip.Addr{}, err
	}
	if node.Spec.PodCIDR == "" {
		return netip.Addr{}, errors.New("the node has no range for pod addresses yet")
	}
	network, err := netip.ParsePrefix(node.Spec.PodCIDR)
	if err != nil {
		return netip.Addr{}, err
	}
	address := network.Masked().Addr().Next().Next()
	for ; network.Contains(address); address = address.Next() {
		if _, used := p.taken[address]; !used {
			p.taken[address] = key
			return address, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("no address left in %s", network)
}

func (p *pods) release(key string) {
	for address, owner := range p.taken {
		if owner == key {
			delete(p.taken, address)
		}
	}
}

// running is the status of a pod all of whose containers are up.
func running(pod *corev1.Pod, hostIP, podIP string, now metav1.Time) corev1.PodStatus {
	status := *pod.Status.DeepCopy()
	status.Phase, status.StartTime = corev1.PodRunning, &now
	status.HostIP, status.HostIPs = hostIP, []corev1.HostIP{{IP: hostIP}}
	status.PodIP, status.PodIPs = podIP, []corev1.PodIP{{IP: podIP}}
	for _, kind := range []corev1.PodConditionType{
		corev1.PodReadyToStartContainers, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady,
	} {
		status.Conditions = setCondition(status.Conditions, kind, now)
	}
	status.InitContainerStatuses, status.ContainerStatuses = nil, nil
	for _, c := range pod.Spec.InitContainers {
		status.InitContainerStatuses = append(status.InitContainerStatuses, initStatus(c, now))
	}
	for _, c := range pod.Spec.Containers {
		status.ContainerStatuses = append(status.ContainerStatuses, upStatus(c, now))
	}
	return status
}

func setCondition(all []corev1.PodCondition, kind corev1.PodConditionType, now metav1.Time) []corev1.PodCondition {
	wanted := corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: now}
	for i := range all {
		if all[i].Type == kind {
			all[i] = wanted
			return all
		}
	}
	return append(all, wanted)
}

func upStatus(c corev1.Container, now metav1.Time) corev1.ContainerStatus {
	started := true
	return corev1.ContainerStatus{
		Name: c.Name, Image: c.Image, Ready: true, Started: &started,
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
	}
}

// initStatus: a sidecar is an init container that stays.
func initStatus(c corev1.Container, now metav1.Time) corev1.ContainerStatus {
	if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
		return upStatus(c, now)
	}
	return corev1.ContainerStatus{
		Name: c.Name, Image: c.Image, Ready: true,
		State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			Reason: "Completed", StartedAt: now, FinishedAt: now,
		}},
	}
}
