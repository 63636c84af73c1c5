// Package kubelet reads the configuration of a kubelet with the kubelet's own code, and serves its health
// endpoint. The kubelet's other parts do not exist here.
package kubelet

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	cliflag "k8s.io/component-base/cli/flag"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/kubernetes/cmd/kubelet/app/options"
	kubeletconfig "k8s.io/kubernetes/pkg/kubelet/apis/config"
	"k8s.io/kubernetes/pkg/kubelet/apis/config/validation"
	"k8s.io/kubernetes/pkg/util/taints"

	"k3s-aws/localcloud/k3s-standin/internal/arguments"
	"k3s-aws/localcloud/k3s-standin/internal/config"
)

// acts are the kubelet's flags on which the stand-in acts.
var acts = []string{
	"config", "config-dir", "healthz-bind-address", "healthz-port", "max-pods", "node-labels",
	"node-status-update-frequency", "provider-id", "register-with-taints",
}

// Settings are what the stand-in takes from a kubelet's configuration.
type Settings struct {
	ProviderID   string
	Labels       map[string]string
	Taints       []corev1.Taint
	MaxPods      int64
	StatusUpdate time.Duration // how often the status is computed
	StatusReport time.Duration // how often an unchanged status is posted
	Lease        time.Duration
	Healthz      string // the address of the health endpoint, or empty
}

// Load reads the configuration of a node's kubelet: k3s's defaults, the files in the kubelet's folder of
// drop-ins, where the files of `config` and `config-dir` are copied to, and the arguments. Its errors are
// those with which k3s shuts down.
func Load(c config.Node) (Settings, error) {
	dir := filepath.Join(c.DataDir, "agent", "etc", "kubelet.conf.d")
	registerWith, _, err := taints.ParseTaints(c.Taints)
	if err != nil {
		return Settings{}, fmt.Errorf("failed to start kubelet: prepare default configuration drop-in: failed to parse node taints: %w", err)
	}
	extra, err := copyFiles(dir, c.KubeletArgs)
	if err != nil {
		return Settings{}, fmt.Errorf("failed to start kubelet: prepare user configuration drop-ins: %w", err)
	}
	if err := writeDefaults(dir, c.IPs[0], registerWith); err != nil {
		return Settings{}, fmt.Errorf("failed to start kubelet: generate default kubelet configuration drop-in: %w", err)
	}
	labels := "node-labels=" + strings.Join(c.Labels, ",")
	flags, configuration, err := parse(arguments.Merge([]string{labels, "read-only-port=0"}, extra), dir)
	if err != nil {
		return Settings{}, fmt.Errorf("kubelet exited: %w", err)
	}
	logInert(c.KubeletArgs)
	return settings(flags, configuration), nil
}

func settings(flags *options.KubeletFlags, c *kubeletconfig.KubeletConfiguration) Settings {
	s := Settings{
		ProviderID: c.ProviderID, Labels: flags.NodeLabels, Taints: c.RegisterWithTaints, MaxPods: int64(c.MaxPods),
		StatusUpdate: c.NodeStatusUpdateFrequency.Duration, StatusReport: c.NodeStatusReportFrequency.Duration,
		Lease: time.Duration(c.NodeLeaseDurationSeconds) * time.Second,
	}
	if c.HealthzPort > 0 {
		s.Healthz = net.JoinHostPort(c.HealthzBindAddress, strconv.Itoa(int(c.HealthzPort)))
	}
	return s
}

// parse follows the kubelet: the flags, then the drop-ins over them, then the flags again.
func parse(args []string, dir string) (*options.KubeletFlags, *kubeletconfig.KubeletConfiguration, error) {
	flags := options.NewKubeletFlags()
	configuration, err := options.NewKubeletConfiguration()
	if err != nil {
		return nil, nil, err
	}
	if err := parseFlags(args, flags, configuration); err != nil {
		return nil, nil, fmt.Errorf("failed to parse kubelet flag: %w", err)
	}
	gates := utilfeature.DefaultMutableFeatureGate.DeepCopy()
	if err := gates.SetFromMap(configuration.FeatureGates); err != nil {
		return nil, nil, fmt.Errorf("failed to set feature gates from initial flags-based config: %w", err)
	}
	if err := options.ValidateKubeletFlags(flags); err != nil {
		return nil, nil, fmt.Errorf("failed to validate kubelet flags: %w", err)
	}
	if configuration, err = merged(configuration, dir); err != nil {
		return nil, nil, fmt.Errorf("failed to merge kubelet configs: %w", err)
	}
	fromFiles := maps.Clone(configuration.FeatureGates)
	if err := parseFlags(args, options.NewKubeletFlags(), configuration); err != nil {
		return nil, nil, fmt.Errorf("failed to precedence kubeletConfigFlag: %w", err)
	}
	for gate, on := range fromFiles {
		if _, given := configuration.FeatureGates[gate]; !given {
			configuration.FeatureGates[gate] = on
		}
	}
	if err := gates.SetFromMap(configuration.FeatureGates); err != nil {
		return nil, nil, fmt.Errorf("failed to set feature gates from initial flags-based config: %w", err)
	}
	if errs := logsapi.Validate(&configuration.Logging, gates, field.NewPath("logging")); len(errs) > 0 {
		return nil, nil, fmt.Errorf("initialize logging: %w", errs.ToAggregate())
	}
	// A kubelet also refuses a host with cgroups of version 1; nothing here uses the host's cgroups.
	checked := configuration.DeepCopy()
	checked.FailCgroupV1 = false
	if err := validation.ValidateKubeletConfiguration(checked, gates); err != nil {
		return nil, nil, fmt.Errorf("failed to validate kubelet configuration, error: %w", err)
	}
	return flags, configuration, nil
}

func parseFlags(args []string, flags *options.KubeletFlags, configuration *kubeletconfig.KubeletConfiguration) error {
	set := pflag.NewFlagSet("kubelet", pflag.ContinueOnError)
	set.SetNormalizeFunc(cliflag.WordSepNormalizeFunc)
	set.SetOutput(io.Discard) // warnings that flags are deprecated
	flags.AddFlags(set)
	options.AddKubeletConfigFlags(set, configuration)
	options.AddGlobalFlags(set)
	err := set.Parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		return nil
	}
	return err
}

func logInert(args []string) {
	var inert []string
	for _, argument := range args {
		name, _, _ := strings.Cut(strings.TrimPrefix(argument, "--"), "=")
		name = strings.TrimRight(name, "-+")
		if !slices.Contains(acts, name) && !slices.Contains(inert, name) {
			inert = append(inert, name)
		}
	}
	if len(inert) > 0 {
		logrus.Warnf("This stand-in for k3s has no kubelet; it does not act upon kubelet-arg: %s", strings.Join(inert, ", "))
	}
}
