package controlplane

import (
	"context"
	"fmt"

	"k8s.io/kubernetes/cmd/kube-scheduler/app"
	"k8s.io/kubernetes/cmd/kube-scheduler/app/options"

	"k3s-aws/localcloud/k3s-standin/internal/arguments"
)

// Scheduler is how the scheduler is run.
type Scheduler struct {
	Kubeconfig string
	ExtraArgs  []string
	Elected    bool
}

// Run schedules until the context ends.
func (s Scheduler) Run(ctx context.Context) error {
	settings := options.NewOptions()
	args := arguments.Merge([]string{
		"--kubeconfig=" + s.Kubeconfig, fmt.Sprintf("--leader-elect=%t", s.Elected), "--secure-port=0", "--profiling=false",
	}, s.ExtraArgs)
	if err := parse("kube-scheduler", *settings.Flags, args); err != nil {
		return err
	}
	return run(ctx, s.Elected, func(ctx context.Context) error {
		config, scheduler, err := app.Setup(ctx, settings)
		if err != nil {
			return err
		}
		return app.Run(ctx, config, scheduler)
	})
}
