package supervisor

import "net"

// Configuration is what a server's agents read at /v1-k3s/config. Its fields are some of those of k3s, with
// their names and formats there.
type Configuration struct {
	ClusterIPRange  *net.IPNet
	ClusterIPRanges []*net.IPNet
	ServiceIPRange  *net.IPNet
	ServiceIPRanges []*net.IPNet
	ClusterDomain   string
	FlannelBackend  string
	DisableNPC      bool // whether nodes run no network policy controller
}
