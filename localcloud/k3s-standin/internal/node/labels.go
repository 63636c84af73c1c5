package node

import (
	"runtime"

	corev1 "k8s.io/api/core/v1"
	kubeletapis "k8s.io/kubelet/pkg/apis"
)

// instanceType is that of every machine for k3s's own cloud provider.
const instanceType = "k3s"

// ControlPlaneLabel marks a server. A node may not label itself with it: the server does.
const ControlPlaneLabel = "node-role.kubernetes.io/control-plane"

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
