package etcd

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"sigs.k8s.io/yaml"
)

// initial is what etcd is told when it has no data.
type initial struct{ cluster, state string }

// settings writes etcd's configuration file, as k3s does, and reads it with etcd's own code.
func (m *Member) settings(first initial, forceNew bool) (*embed.Config, error) {
	all := m.defaults(forceNew)
	if first.state != "" {
		all["initial-advertise-peer-urls"] = m.peerURL()
		all["initial-cluster"] = first.cluster
		all["initial-cluster-state"] = first.state
	}
	for _, argument := range m.ExtraArgs {
		if key, value, found := strings.Cut(argument, "="); found {
			key = strings.TrimLeft(key, "-")
			all[key] = typed(key, value)
		}
	}
	text, err := yaml.Marshal(all)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.Chmod(m.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(m.path("config"), text, 0o600); err != nil {
		return nil, err
	}
	config, err := embed.ConfigFromFile(m.path("config"))
	if err == nil && config.WarningUnaryRequestDuration == 0 {
		// From a file, etcd takes no default here, and would warn of each request.
		config.WarningUnaryRequestDuration = embed.DefaultWarningUnaryRequestDuration
	}
	return config, err
}

// defaults are k3s's. A member that is being reset listens on loopback only.
func (m *Member) defaults(forceNew bool) map[string]any {
	clients, peers := []string{m.Endpoint()}, []string{url("https", m.Loopback, "2380")}
	advertised := m.Endpoint()
	if !forceNew {
		advertised = url("https", m.Address, "2379")
		if m.Address != m.Loopback {
			clients, peers = append(clients, advertised), append(peers, m.peerURL())
		}
	}
	trust := func(name, ca string) map[string]any {
		return map[string]any{
			"cert-file": m.certificate(name + ".crt"), "key-file": m.certificate(name + ".key"),
			"client-cert-auth": true, "trusted-ca-file": m.certificate(ca + ".crt"),
		}
	}
	return map[string]any{
		"name": m.name, "data-dir": m.Dir, "force-new-cluster": forceNew,
		"listen-client-urls": strings.Join(clients, ","), "listen-peer-urls": strings.Join(peers, ","),
		"listen-metrics-urls":       url("http", m.Loopback, "2381"),
		"listen-client-http-urls":   url("https", m.Loopback, "2382"),
		"advertise-client-urls":     advertised,
		"client-transport-security": trust("server-client", "server-ca"),
		"peer-transport-security":   trust("peer-server-client", "peer-ca"),
		"snapshot-count":            10000, "heartbeat-interval": 500, "election-timeout": 5000,
		"logger": "zap", "log-outputs": []string{"stderr"},
		"socket-options":                     map[string]any{"reuse-address": true, "reuse-port": true},
		"experimental-initial-corrupt-check": true,
	}
}

// typed gives a value the type that etcd's file needs.
func typed(key, value string) any {
	if number, err := strconv.Atoi(value); err == nil {
		return number
	}
	for _, part := range []string{"time", "duration", "interval", "retention"} {
		if duration, err := time.ParseDuration(value); err == nil && strings.Contains(strings.ToLower(key), part) {
			return duration
		}
	}
	if truth, err := strconv.ParseBool(value); err == nil {
		return truth
	}
	return value
}

// removedMessage is what etcd logs only when its member was removed: it does not tell its embedder otherwise.
const removedMessage = "data-dir used by this member must be removed"

// logTo makes etcd log here, and closes a channel when it logs that its member was removed.
func logTo(config *embed.Config, removed chan<- struct{}) error {
	var once sync.Once
	logger, err := logger(zapcore.WarnLevel)
	if err != nil {
		return err
	}
	config.ZapLoggerBuilder = embed.NewZapLoggerBuilder(logger.WithOptions(zap.Hooks(func(entry zapcore.Entry) error {
		if entry.Message == removedMessage {
			once.Do(func() { close(removed) })
		}
		return nil
	})))
	return nil
}

func logger(level zapcore.Level) (*zap.Logger, error) {
	config := zap.NewProductionConfig()
	config.Level = zap.NewAtomicLevelAt(level)
	return config.Build()
}
