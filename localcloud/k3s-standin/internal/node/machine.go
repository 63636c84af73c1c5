package node

import (
	"bufio"
	"bytes"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"k3s-aws/localcloud/k3s-standin/internal/version"
)

// runtimeVersion shows that nothing runs here.
const runtimeVersion = "hollow://" + version.Kubernetes

// systemInfo is true of the machine, except for the runtime it does not have.
func systemInfo() corev1.NodeSystemInfo {
	return corev1.NodeSystemInfo{
		MachineID:               firstLine("/etc/machine-id"),
		SystemUUID:              firstLine("/sys/class/dmi/id/product_uuid"),
		BootID:                  firstLine("/proc/sys/kernel/random/boot_id"),
		KernelVersion:           firstLine("/proc/sys/kernel/osrelease"),
		OSImage:                 osImage("/etc/os-release"),
		OperatingSystem:         runtime.GOOS,
		Architecture:            runtime.GOARCH,
		KubeletVersion:          version.Kubernetes,
		ContainerRuntimeVersion: runtimeVersion,
	}
}

// capacity is the machine's processors, memory and the disk of the data folder.
func capacity(dataDir string, pods int64) corev1.ResourceList {
	list := corev1.ResourceList{
		corev1.ResourceCPU:  *resource.NewQuantity(int64(runtime.NumCPU()), resource.DecimalSI),
		corev1.ResourcePods: *resource.NewQuantity(pods, resource.DecimalSI),
	}
	var memory unix.Sysinfo_t
	if unix.Sysinfo(&memory) == nil {
		bytes := int64(memory.Totalram) * int64(memory.Unit)
		list[corev1.ResourceMemory] = *resource.NewQuantity(bytes, resource.BinarySI)
	}
	var disk unix.Statfs_t
	if unix.Statfs(dataDir, &disk) == nil {
		bytes := int64(disk.Blocks) * int64(disk.Bsize)
		list[corev1.ResourceEphemeralStorage] = *resource.NewQuantity(bytes, resource.BinarySI)
	}
	return list
}

func firstLine(file string) string {
	raw, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(raw, []byte("\n"))
	return strings.TrimSpace(string(line))
}

func osImage(file string) string {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "Linux"
	}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "PRETTY_NAME="); ok {
			return strings.Trim(name, `"'`)
		}
	}
	return "Linux"
}
