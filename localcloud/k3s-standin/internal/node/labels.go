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

// EtcdLabel marks a server with embedded etcd, as the other does.
const EtcdLabel = "node-role.kubernetes.io/etcd"

// Annotations of a server's Node about its member of etcd.
const (
	MemberNameAnnotation    = "etcd.k3s.cattle.io/node-name"
	MemberAddressAnnotation = "etcd.k3s.cattle.io/node-address"
	RemoveAnnotation        = "etcd.k3s.cattle.io/remove"            // asks for the member's removal
	RemovedAnnotation       = "etcd.k3s.cattle.io/removed-node-name" // the member that was removed
)

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
