package kubelet

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kubelet/config/v1beta1"
	kubeletconfig "k8s.io/kubernetes/pkg/kubelet/apis/config"
	"k8s.io/kubernetes/pkg/kubelet/apis/config/scheme"
	"k8s.io/kubernetes/pkg/kubelet/kubeletconfig/configfiles"
	utilfs "k8s.io/kubernetes/pkg/util/filesystem"
	netutils "k8s.io/utils/net"
	"sigs.k8s.io/yaml"
)

// Names in the folder of drop-ins, in the order in which they count.
const (
	defaultsFile = "00-k3s-defaults.conf"
	argumentFile = "10-cli-config.conf"
	argumentDir  = "20-cli-config-dir"
)

// copyFiles copies what the arguments `config` and `config-dir` name into the folder of drop-ins, where it
// stays, and gives the other arguments. Like k3s, it takes a name alone together with the next argument.
func copyFiles(dir string, args []string) ([]string, error) {
	var others []string
	named := map[string]string{}
	for i := 0; i < len(args); i++ {
		name, value, found := strings.Cut(strings.TrimPrefix(args[i], "--"), "=")
		last := i
		if !found && i+1 < len(args) {
			value = args[i+1]
			last++
		}
		if name != "config" && name != "config-dir" {
			others = append(others, args[i])
		} else if value == "" {
			return nil, fmt.Errorf("value required for kubelet-arg --%s", name)
		} else {
			named[name] = value
		}
		i = last
	}
	if file := named["config"]; file != "" && !strings.HasPrefix(file, dir) {
		if err := copyFile(file, filepath.Join(dir, argumentFile)); err != nil {
			return nil, fmt.Errorf("copy config %q into managed drop-in dir %q: %w", file, filepath.Join(dir, argumentFile), err)
		}
	}
	if files := named["config-dir"]; files != "" && !strings.HasPrefix(files, dir) {
		if err := copyDir(files, filepath.Join(dir, argumentDir)); err != nil {
			return nil, fmt.Errorf("copy config-dir %q into managed drop-in dir %q: %w", files, filepath.Join(dir, argumentDir), err)
		}
	}
	return others, nil
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600)
}

func copyDir(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		return copyFile(path, filepath.Join(to, name))
	})
}

// writeDefaults writes those of k3s's defaults for its kubelet that count here.
func writeDefaults(dir string, nodeIP net.IP, registerWith []corev1.Taint) error {
	loopback := "127.0.0.1"
	if netutils.IsIPv6(nodeIP) {
		loopback = "::1"
	}
	noSwap := false
	text, err := yaml.Marshal(&v1beta1.KubeletConfiguration{
		TypeMeta:                  metav1.TypeMeta{APIVersion: v1beta1.SchemeGroupVersion.String(), Kind: "KubeletConfiguration"},
		HealthzBindAddress:        loopback,
		NodeStatusReportFrequency: metav1.Duration{Duration: 5 * time.Minute},
		NodeStatusUpdateFrequency: metav1.Duration{Duration: 10 * time.Second},
		FailSwapOn:                &noSwap,
		RegisterWithTaints:        registerWith,
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, defaultsFile), text, 0o600)
}

// merged is a configuration with the drop-ins over it, and then the kubelet's defaults for what they leave
// out.
func merged(c *kubeletconfig.KubeletConfiguration, dir string) (*kubeletconfig.KubeletConfiguration, error) {
	kinds, _, err := scheme.NewSchemeAndCodecs()
	if err != nil {
		return nil, err
	}
	var versioned v1beta1.KubeletConfiguration
	if err := kinds.Convert(c, &versioned, nil); err != nil {
		return nil, err
	}
	text, err := json.Marshal(&versioned)
	if err != nil {
		return nil, err
	}
	if text, err = mergeDir(text, dir); err != nil {
		return nil, err
	}
	var together v1beta1.KubeletConfiguration
	if err := json.Unmarshal(text, &together); err != nil {
		return nil, err
	}
	kinds.Default(&together)
	result := &kubeletconfig.KubeletConfiguration{}
	return result, kinds.Convert(&together, result, nil)
}

func mergeDir(text []byte, dir string) ([]byte, error) {
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".conf" {
			return err
		}
		loader, err := configfiles.NewFsLoader(&utilfs.DefaultFs{}, path)
		if err != nil {
			return err
		}
		// The kinds and the fields are checked here.
		more, kind, err := loader.LoadIntoJSON()
		if err != nil {
			return fmt.Errorf("failed to load kubelet dropin file, path: %s, error: %w", path, err)
		}
		if kind == nil || *kind != v1beta1.SchemeGroupVersion.WithKind("KubeletConfiguration") {
			return fmt.Errorf("failed to load kubelet dropin file, path: %s, unknown apiVersion/kind: %v", path, kind)
		}
		text, err = jsonpatch.MergePatch(text, more)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("failed to walk through kubelet dropin directory %q: %w", dir, err)
	}
	return text, nil
}
