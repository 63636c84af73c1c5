package kubelet

import (
	"context"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/klog/v2"
)

const (
	healthEvery   = 5 * time.Second
	headerTimeout = 10 * time.Second
)

// ServeHealth serves /healthz until the context ends. Like the kubelet, it tries again where the address is
// in use, and its failure ends nothing else.
func (s Settings) ServeHealth(ctx context.Context) {
	if s.Healthz == "" {
		return
	}
	mux := http.NewServeMux()
	healthz.InstallHandler(mux)
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		server := &http.Server{Addr: s.Healthz, Handler: mux, ReadHeaderTimeout: headerTimeout}
		stop := context.AfterFunc(ctx, func() { server.Close() })
		defer stop()
		if err := server.ListenAndServe(); err != nil && ctx.Err() == nil {
			klog.ErrorS(err, "Failed to start healthz server")
		}
	}, healthEvery)
}
