package node

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	kubeletapis "k8s.io/kubelet/pkg/apis"
)

// instanceType is what k3s's own cloud provider says of every machine.
const instanceType = "k3s"

// ControlPlaneLabel marks a server. A node may not give it to itself: the server does.
const ControlPlaneLabel = "node-role.kubernetes.io/control-plane"

// parseLabels reads `key=value` and refuses what a kubelet refuses, in its words.
func parseLabels(given []string) (map[string]string, error) {
	labels := map[string]string{}
	var unknown []string
	for _, label := range given {
		key, value, _ := strings.Cut(label, "=")
		problems := append(validation.IsQualifiedName(key), validation.IsValidLabelValue(value)...)
		if len(problems) > 0 {
			return nil, fmt.Errorf("node-label %q: %s", label, strings.Join(problems, "; "))
		}
		if reserved(key) && !kubeletapis.IsKubeletLabel(key) {
			unknown = append(unknown, key)
		}
		labels[key] = value
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return nil, fmt.Errorf("unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: %v\n"+
			"--node-labels in the 'kubernetes.io' namespace must begin with an allowed prefix (%s) "+
			"or be in the specifically allowed set (%s)", unknown,
			strings.Join(kubeletapis.KubeletLabelNamespaces(), ", "), strings.Join(kubeletapis.KubeletLabels(), ", "))
	}
	return labels, nil
}

func reserved(key string) bool {
	namespace, _, _ := strings.Cut(key, "/")
	for _, domain := range []string{"kubernetes.io", "k8s.io"} {
		if namespace == domain || strings.HasSuffix(namespace, "."+domain) {
			return strings.Contains(key, "/")
		}
	}
	return false
}

func defaultLabels(name string) map[string]string {
	return map[string]string{
		corev1.LabelHostname:           name,
		corev1.LabelOSStable:           runtime.GOOS,
		corev1.LabelArchStable:         runtime.GOARCH,
		corev1.LabelInstanceTypeStable: instanceType,
		corev1.LabelInstanceType:       instanceType,
		kubeletapis.LabelOS:            runtime.GOOS,
		kubeletapis.LabelArch:          runtime.GOARCH,
	}
}
