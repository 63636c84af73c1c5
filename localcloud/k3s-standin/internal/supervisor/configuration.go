package supervisor

import (
	"encoding/json"
	"net"
	"reflect"
)

// Configuration is what a server's agents and further servers read at /v1-k3s/config. Its fields are some of those
// of k3s, with their names and formats there: those that must be equal on all servers, and their flags.
type Configuration struct {
	ClusterDNSs           []net.IP     `flag:"cluster-dns"`
	ClusterIPRanges       []*net.IPNet `flag:"cluster-cidr"`
	ClusterDNS            net.IP       `flag:"cluster-dns"`
	ClusterDomain         string       `flag:"cluster-domain"`
	ClusterIPRange        *net.IPNet   `flag:"cluster-cidr"`
	DisableCCM            bool         `flag:"disable-cloud-controller"`
	DisableHelmController bool         `flag:"disable-helm-controller"`
	DisableNPC            bool         `flag:"disable-network-policy"` // whether nodes run no network policy controller
	DisableServiceLB      bool         `flag:"disable-service-lb"`
	EncryptSecrets        bool         `flag:"secrets-encryption"`
	EncryptProvider       string       `flag:"secrets-encryption-provider"`
	EmbeddedRegistry      bool         `flag:"embedded-registry"`
	FlannelBackend        string       `flag:"flannel-backend"`
	FlannelIPv6Masq       bool         `flag:"flannel-ipv6-masq"`
	FlannelExternalIP     bool         `flag:"flannel-external-ip"`
	EgressSelectorMode    string       `flag:"egress-selector-mode"`
	ServiceIPRange        *net.IPNet   `flag:"service-cidr"`
	ServiceIPRanges       []*net.IPNet `flag:"service-cidr"`
	SupervisorMetrics     bool         `flag:"supervisor-metrics"`
}

// Differences are the flags of what another server has set otherwise. One of an older version may not say all.
func (c Configuration) Differences(other Configuration) ([]string, error) {
	if other.EgressSelectorMode == "" {
		other.EgressSelectorMode = c.EgressSelectorMode
	}
	if other.EncryptProvider == "" {
		other.EncryptProvider = c.EncryptProvider
	}
	var flags []string
	mine, others := reflect.ValueOf(c), reflect.ValueOf(other)
	for i := range mine.NumField() {
		a, err := json.Marshal(mine.Field(i).Interface())
		if err != nil {
			return nil, err
		}
		b, err := json.Marshal(others.Field(i).Interface())
		if err != nil {
			return nil, err
		}
		if string(a) != string(b) {
			flags = append(flags, mine.Type().Field(i).Tag.Get("flag"))
		}
	}
	return flags, nil
}
