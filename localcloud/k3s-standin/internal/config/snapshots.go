package config

import (
	"time"

	"github.com/urfave/cli/v2"
)

// snapshotCommand reads some keys of the configuration files too.
const snapshotCommand = "etcd-snapshot"

// SnapshotFlags are those of k3s's `etcd-snapshot`, in its words.
func SnapshotFlags() []cli.Flag {
	return []cli.Flag{
		table["debug"].parsed("debug", nil), table["config"].parsed("config", nil),
		table["log"].parsed("log", nil), table["alsologtostderr"].parsed("alsologtostderr", nil),
		&cli.StringFlag{Name: "node-name", EnvVars: []string{"K3S_NODE_NAME"}},
		table["data-dir"].parsed("data-dir", nil),
		&cli.StringFlag{Name: "etcd-token", Aliases: []string{"t"}},
		&cli.StringFlag{Name: "etcd-server", Aliases: []string{"s"}, Value: "https://127.0.0.1:6443"},
		&cli.StringFlag{Name: "dir", Aliases: []string{"etcd-snapshot-dir"}},
		&cli.StringFlag{Name: "name", Value: "on-demand"},
		&cli.BoolFlag{Name: "snapshot-compress", Aliases: []string{"etcd-snapshot-compress"}},
		&cli.IntFlag{Name: "snapshot-retention,", Aliases: []string{"etcd-snapshot-retention"}, Value: 5},
		&cli.BoolFlag{Name: "s3", Aliases: []string{"etcd-s3"}},
		&cli.StringFlag{Name: "s3-endpoint", Aliases: []string{"etcd-s3-endpoint"}, Value: "s3.amazonaws.com"},
		&cli.StringFlag{Name: "s3-endpoint-ca", Aliases: []string{"etcd-s3-endpoint-ca"}},
		&cli.BoolFlag{Name: "s3-skip-ssl-verify", Aliases: []string{"etcd-s3-skip-ssl-verify"}},
		&cli.StringFlag{Name: "s3-access-key", Aliases: []string{"etcd-s3-access-key"}, EnvVars: []string{"AWS_ACCESS_KEY_ID"}},
		&cli.StringFlag{Name: "s3-secret-key", Aliases: []string{"etcd-s3-secret-key"}, EnvVars: []string{"AWS_SECRET_ACCESS_KEY"}},
		&cli.StringFlag{Name: "s3-session-token", Aliases: []string{"etcd-s3-session-token"}, EnvVars: []string{"AWS_SESSION_TOKEN"}},
		&cli.StringFlag{Name: "s3-bucket", Aliases: []string{"etcd-s3-bucket"}},
		&cli.StringFlag{Name: "s3-bucket-lookup-type", Aliases: []string{"etcd-s3-bucket-lookup-type"}},
		&cli.StringFlag{Name: "s3-region", Aliases: []string{"etcd-s3-region"}, Value: "us-east-1"},
		&cli.IntFlag{Name: "s3-retention", Aliases: []string{"etcd-s3-retention"}, Value: 5},
		&cli.StringFlag{Name: "s3-folder", Aliases: []string{"etcd-s3-folder"}},
		&cli.StringFlag{Name: "s3-proxy", Aliases: []string{"etcd-s3-proxy"}},
		&cli.StringFlag{Name: "s3-config-secret", Aliases: []string{"etcd-s3-config-secret"}},
		&cli.BoolFlag{Name: "s3-insecure", Aliases: []string{"etcd-s3-insecure"}},
		&cli.DurationFlag{Name: "s3-timeout", Aliases: []string{"etcd-s3-timeout"}, Value: 5 * time.Minute},
	}
}
