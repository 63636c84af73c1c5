package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"
	"sigs.k8s.io/yaml"

	"k3s-aws/localcloud/k3s-standin/internal/config"
	"k3s-aws/localcloud/k3s-standin/internal/join"
	"k3s-aws/localcloud/k3s-standin/internal/supervisor"
)

// snapshotCommand is `k3s etcd-snapshot`. The server does the work.
func snapshotCommand(paths config.Paths, run func(cli.ActionFunc) cli.ActionFunc) *cli.Command {
	flags := config.SnapshotFlags()
	output := &cli.StringFlag{Name: "output", Aliases: []string{"o"}}
	with := func(do func(*cli.Context, config.Paths) error) cli.ActionFunc {
		return run(interruptible(func(c *cli.Context) error { return do(c, paths) }))
	}
	return &cli.Command{Name: "etcd-snapshot", Usage: "Manage etcd snapshots", Flags: flags, Subcommands: []*cli.Command{
		{Name: "save", Usage: "Trigger an immediate etcd snapshot", Flags: flags, Action: with(saveSnapshot)},
		{Name: "delete", Usage: "Delete given snapshot(s)", Flags: flags, Action: with(deleteSnapshots)},
		{Name: "ls", Aliases: []string{"list", "l"}, Usage: "List snapshots",
			Flags: append(slices.Clone(flags), output), Action: with(listSnapshots)},
		{Name: "prune", Usage: "Remove snapshots that match the name prefix that exceed the configured retention count",
			Flags: flags, Action: with(pruneSnapshots)},
	}}
}

func saveSnapshot(c *cli.Context, paths config.Paths) error {
	if c.Args().Len() > 0 {
		return errors.New("this command does not take any arguments")
	}
	none := 0
	result, err := askForSnapshots(c, paths, supervisor.SnapshotRequest{
		Operation: "save", Name: []string{c.String("name")}, Retention: &none,
	})
	if err != nil {
		return err
	}
	for _, name := range result.Created {
		logrus.Infof("Snapshot %s saved.", name)
	}
	return nil
}

func deleteSnapshots(c *cli.Context, paths config.Paths) error {
	names := c.Args().Slice()
	if len(names) == 0 {
		return errors.New("no snapshots given for removal")
	}
	result, err := askForSnapshots(c, paths, supervisor.SnapshotRequest{Operation: "delete", Name: names})
	if err != nil {
		return err
	}
	reportDeleted(result)
	for _, name := range names {
		if !slices.Contains(result.Deleted, name) {
			logrus.Warnf("Snapshot %s not found.", name)
		}
	}
	return nil
}

func pruneSnapshots(c *cli.Context, paths config.Paths) error {
	result, err := askForSnapshots(c, paths, supervisor.SnapshotRequest{Operation: "prune", Name: []string{c.String("name")}})
	if err == nil {
		reportDeleted(result)
	}
	return err
}

func reportDeleted(result supervisor.SnapshotResult) {
	for _, name := range result.Deleted {
		logrus.Infof("Snapshot %s deleted.", name)
	}
}

func listSnapshots(c *cli.Context, paths config.Paths) error {
	format := c.String("output")
	if !slices.Contains([]string{"", "json", "yaml", "table"}, format) {
		return errors.New("invalid output format: " + format)
	}
	body, err := post(c, paths, supervisor.SnapshotRequest{Operation: "list"})
	if err != nil {
		return err
	}
	var list supervisor.SnapshotList
	if err := json.Unmarshal(body, &list); err != nil {
		return err
	}
	switch format {
	case "json":
		text, err := json.MarshalIndent(list, "", "    ")
		fmt.Println(string(text))
		return err
	case "yaml":
		text, err := yaml.Marshal(list)
		fmt.Print(string(text))
		return err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	fmt.Fprint(table, "Name\tLocation\tSize\tCreated\n")
	for _, each := range list.Items {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", each.Spec.SnapshotName, each.Spec.Location, each.Status.Size,
			each.Status.CreationTime.Format(time.RFC3339))
	}
	return table.Flush()
}

func askForSnapshots(c *cli.Context, paths config.Paths, request supervisor.SnapshotRequest) (result supervisor.SnapshotResult, err error) {
	body, err := post(c, paths, request)
	if err != nil {
		return result, err
	}
	return result, json.Unmarshal(body, &result)
}

// post gives the server what the flags set, and leaves the rest to its configuration.
func post(c *cli.Context, paths config.Paths, request supervisor.SnapshotRequest) ([]byte, error) {
	if c.IsSet("snapshot-compress") {
		compress := c.Bool("snapshot-compress")
		request.Compress = &compress
	}
	if c.IsSet("dir") {
		dir := c.String("dir")
		request.Dir = &dir
	}
	if c.IsSet("etcd-snapshot-retention") && request.Retention == nil {
		retention := c.Int("etcd-snapshot-retention")
		request.Retention = &retention
	}
	if c.Bool("s3") {
		request.S3 = json.RawMessage(`{}`)
	}
	secret := c.String("etcd-token")
	if secret == "" {
		dir := c.String("data-dir")
		if dir == "" {
			dir = paths.DataDir
		}
		text, err := os.ReadFile(filepath.Join(dir, "server", "token"))
		if err != nil {
			return nil, err
		}
		secret = strings.TrimRight(string(text), "\n")
	}
	return join.Snapshots(c.Context, c.String("etcd-server"), secret, request)
}
