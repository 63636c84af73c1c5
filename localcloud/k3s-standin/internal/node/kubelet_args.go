package node

import (
	"fmt"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
)

const (
	leaseSeconds  = 40
	leaseEvery    = 10 * time.Second // a quarter of the lease, as the kubelet renews it
	statusEvery   = 10 * time.Second
	statusRenewal = 5 * time.Minute // how often an unchanged status is posted all the same
)

// kubeletSettings is what is understood of kubelet-arg.
type kubeletSettings struct {
	providerID    string
	statusEvery   time.Duration
	statusRenewal time.Duration
}

func parseKubeletArgs(args []string) (kubeletSettings, error) {
	settings := kubeletSettings{statusEvery: statusEvery, statusRenewal: statusRenewal}
	var ignored []string
	for _, argument := range args {
		name, value, _ := strings.Cut(strings.TrimLeft(argument, "-"), "=")
		switch name {
		case "provider-id":
			settings.providerID = value
		case "node-status-update-frequency":
			every, err := time.ParseDuration(value)
			if err != nil || every <= 0 {
				return settings, fmt.Errorf("kubelet-arg %s: %q is not a duration", name, value)
			}
			// As in the kubelet, setting the one sets the other.
			settings.statusEvery, settings.statusRenewal = every, every
		default:
			ignored = append(ignored, name)
		}
	}
	if len(ignored) > 0 {
		logrus.Warnf("This stand-in has no kubelet; it does not act upon kubelet-arg: %s", strings.Join(ignored, ", "))
	}
	return settings, nil
}
