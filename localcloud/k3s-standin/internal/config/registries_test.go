package config

import (
	"os"
	"testing"
)

func TestRegistriesAreReadWhenTheNodeJoins(t *testing.T) {
	for content, accepted := range map[string]bool{
		"": true,
		`{"mirrors": {"docker.io": {"endpoint": ["https://m.example.com"]}, "*": null}}`:      true,
		`{"mirrors": {"docker.io": {"endpoints": ["https://m.example.com"]}}, "other": 1}`:    true,
		`{"configs": {"r.example.com": {"auth": {"username": "u"}, "tls": null}, "s": null}}`: true,
		`{"mirrors": {"docker.io": {"endpoint": {"a": "https://m.example.com"}}}}`:            false,
		`{"mirrors": {"docker.io": {"endpoint": "https://m.example.com"}}}`:                   false,
		`{"configs": {"r.example.com": {"tls": {"insecure_skip_verify": "true"}}}}`:           false,
		`{"mirrors": {"docker.io": ["https://m.example.com"]}}`:                               false,
		`{"configs": {"r.example.com": {"tls": {"insecure_skip_verify": "maybe"}}}}`:          false,
		`{"mirrors": {"docker.io": {"rewrite": {"^": "\ud83d\ude00"}}}}`:                      false,
		`{"mirrors": {"docker.io": {"rewrite": {"^": "\U0001f600"}}}}`:                        true,
	} {
		m := newMachine(t)
		node := m.mustAgent("--private-registry=" + m.path("registries.yaml"))
		if err := node.CheckRegistries(); err != nil {
			t.Errorf("no file: %v", err)
		}
		if err := os.WriteFile(m.path("registries.yaml"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := node.CheckRegistries(); (err == nil) != accepted {
			t.Errorf("%s: error %v", content, err)
		}
	}
}
