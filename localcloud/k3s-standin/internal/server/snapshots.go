package server

import (
	"context"
	"errors"
	"strconv"

	"github.com/robfig/cron/v3"
	"github.com/sirupsen/logrus"

	"k3s-aws/localcloud/k3s-standin/internal/etcd"
	"k3s-aws/localcloud/k3s-standin/internal/supervisor"
)

// snapshots are those of the configuration.
func (d *etcdDatastore) snapshots() etcd.Snapshots {
	c := d.config.Snapshots
	s := etcd.Snapshots{Member: d.member, Dir: c.Dir, Base: c.Name, NodeName: d.config.Name, Compress: c.Compress, Keep: c.Retention}
	if s.Dir == "" {
		s.Dir = d.member.DefaultSnapshots()
	}
	return s
}

// Snapshot does what the command line asks for.
func (d *etcdDatastore) Snapshot(ctx context.Context, asked supervisor.SnapshotRequest) (any, error) {
	if len(asked.S3) > 0 && string(asked.S3) != "null" {
		return nil, errors.New("S3 is not available in this stand-in for k3s: it keeps snapshots on disk only")
	}
	if !d.opened.Load() {
		return nil, errors.New("etcd not started")
	}
	s := d.snapshots()
	if asked.Dir != nil {
		s.Dir = *asked.Dir
	}
	if asked.Compress != nil {
		s.Compress = *asked.Compress
	}
	if asked.Retention != nil {
		s.Keep = *asked.Retention
	}
	var result supervisor.SnapshotResult
	var err error
	switch asked.Operation {
	case "save":
		s.Base = first(asked.Name, s.Base)
		var created string
		created, result.Deleted, err = s.Save(ctx)
		result.Created = []string{created}
	case "delete":
		result.Deleted, err = s.Delete(asked.Name)
	case "prune":
		s.Base = first(asked.Name, s.Base)
		result.Deleted, err = s.Prune()
	case "list":
		return list(s)
	default:
		return nil, supervisor.ErrSnapshotOperation
	}
	return result, err
}

func first(names []string, otherwise string) string {
	if len(names) == 0 || names[0] == "" {
		return otherwise
	}
	return names[0]
}

func list(s etcd.Snapshots) (supervisor.SnapshotList, error) {
	answer := supervisor.SnapshotList{APIVersion: "v1", Kind: "List", Items: []supervisor.SnapshotFile{}}
	all, err := s.List()
	for _, each := range all {
		var file supervisor.SnapshotFile
		file.Metadata.Name = "local-" + each.Name
		file.Spec.SnapshotName, file.Spec.NodeName, file.Spec.Location = each.Name, s.NodeName, "file://"+each.Path
		file.Status.Size, file.Status.CreationTime, file.Status.ReadyToUse = strconv.FormatInt(each.Size, 10), each.Created, true
		answer.Items = append(answer.Items, file)
	}
	return answer, err
}

// schedule saves snapshots by the clock, until the context ends.
func (d *etcdDatastore) schedule(ctx context.Context) {
	if d.config.Snapshots.Disabled {
		logrus.Info("ETCD snapshots are disabled")
		return
	}
	clock := cron.New()
	if _, err := clock.AddFunc(d.config.Snapshots.Schedule, func() {
		if _, _, err := d.snapshots().Save(ctx); err != nil {
			logrus.Errorf("Failed to take scheduled snapshot: %v", err)
		}
	}); err != nil {
		logrus.Errorf("etcd-snapshot-schedule-cron: %v", err)
		return
	}
	clock.Start()
	context.AfterFunc(ctx, func() { clock.Stop() })
}
