package config

import (
	"os"

	"gopkg.in/yaml.v2"
)

// registries has the types of registries.yaml (github.com/rancher/wharfie, pkg/registries/types.go).
type registries struct {
	Mirrors map[string]mirror            `yaml:"mirrors"`
	Configs map[string]registryConfig    `yaml:"configs"`
	Auths   map[string]map[string]string `yaml:"auths"`
}

type mirror struct {
	Endpoints []string          `yaml:"endpoint"`
	Rewrites  map[string]string `yaml:"rewrite"`
}

type registryConfig struct {
	Auth *map[string]string `yaml:"auth"`
	TLS  *registryTLS       `yaml:"tls"`
}

type registryTLS struct {
	CAFile             string `yaml:"ca_file"`
	CertFile           string `yaml:"cert_file"`
	KeyFile            string `yaml:"key_file"`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify"`
}

// CheckRegistries reads registries.yaml and leaves it at that: no container runs here. The error is the one
// with which k3s does not join; a name it does not have is none, as in k3s.
func (n Node) CheckRegistries() error {
	content, err := os.ReadFile(n.Registries)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return yaml.Unmarshal(content, &registries{})
}
