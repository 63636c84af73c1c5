package server

import (
	"context"
	"fmt"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The times of k3s's own controllers: another server takes over at the latest after the first. Tests shorten them.
var (
	LeaseDuration = 45 * time.Second
	RenewDeadline = 30 * time.Second
	RetryPeriod   = 2 * time.Second
)

// elected runs something on one server at a time. A server that loses its lease ends, as in k3s.
func elected(ctx context.Context, client kubernetes.Interface, name, node string, do func(context.Context) error) error {
	var failure error
	leading := make(chan struct{})
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta: metav1.ObjectMeta{Name: name, Namespace: metav1.NamespaceSystem}, Client: client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: identity(node)},
		},
		LeaseDuration: LeaseDuration, RenewDeadline: RenewDeadline, RetryPeriod: RetryPeriod, ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) {
				defer close(leading)
				failure = do(ctx)
			},
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return err
	}
	elector.Run(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	<-leading
	return fmt.Errorf("leaderelection lost for %s: %w", name, failure)
}

func identity(node string) string { return fmt.Sprintf("%s-%d-%s", node, os.Getpid(), uuid.NewUUID()) }
