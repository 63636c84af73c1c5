package controlplane

import (
	"context"

	"k8s.io/kubernetes/cmd/kube-scheduler/app"
	"k8s.io/kubernetes/cmd/kube-scheduler/app/options"
)

// Scheduler says how to run the scheduler.
type Scheduler struct {
	Kubeconfig string
	ExtraArgs  []string
}

// Run schedules until the context ends.
func (s Scheduler) Run(ctx context.Context) error {
	settings := options.NewOptions()
	args := override([]string{
		"--kubeconfig=" + s.Kubeconfig, "--leader-elect=false", "--secure-port=0", "--profiling=false",
	}, s.ExtraArgs)
	if err := parse("kube-scheduler", *settings.Flags, args); err != nil {
		return err
	}
	config, scheduler, err := app.Setup(ctx, settings)
	if err != nil {
		return err
	}
	return app.Run(ctx, config, scheduler)
}
