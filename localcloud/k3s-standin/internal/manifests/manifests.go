// Package manifests applies the files of server/manifests to the cluster, and again when they change.
package manifests

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

const (
	rescanEvery  = 15 * time.Second
	fieldManager = "deploy@k3s-standin"
	helmGroup    = "helm.cattle.io"
)

//go:embed crds.yaml
var crds []byte

// Deployer applies one folder.
type Deployer struct {
	dir     string
	client  dynamic.Interface
	mapper  *restmapper.DeferredDiscoveryRESTMapper
	applied map[string][sha256.Size]byte // file -> content last applied in full
}

// New deploys a folder, which need not exist yet.
func New(dir string, config *rest.Config) (*Deployer, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	found, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	return &Deployer{
		dir: dir, client: client, applied: map[string][sha256.Size]byte{},
		mapper: restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(found)),
	}, nil
}

// Run applies what is there and looks again every 15 s, until the context ends.
func (d *Deployer) Run(ctx context.Context) error {
	if err := d.defineHelmCharts(ctx); err != nil {
		return err
	}
	wait.UntilWithContext(ctx, d.scan, rescanEvery)
	return nil
}

// defineHelmCharts tries until the API takes the definitions and serves their kinds: it starts to
// answer a little before it can store everything.
func (d *Deployer) defineHelmCharts(ctx context.Context) error {
	objects, err := decode(crds)
	if err != nil {
		return err
	}
	define := func(ctx context.Context) (bool, error) {
		if err = d.apply(ctx, objects); err == nil {
			err = d.served("HelmChart", "HelmChartConfig")
		}
		return err == nil, nil
	}
	if wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, time.Minute, true, define) != nil && ctx.Err() == nil {
		return fmt.Errorf("define HelmChart: %w", err)
	}
	return ctx.Err()
}

func (d *Deployer) served(kinds ...string) error {
	d.mapper.Reset()
	for _, kind := range kinds {
		if _, err := d.mapper.RESTMapping(schema.GroupKind{Group: helmGroup, Kind: kind}, "v1"); err != nil {
			return err
		}
	}
	return nil
}

// scan applies each changed file; what failed is tried again at the next scan.
func (d *Deployer) scan(ctx context.Context) {
	files, err := find(d.dir)
	if err != nil {
		logrus.Errorf("Failed to read %s: %v", d.dir, err)
	}
	for _, file := range files {
		raw, objects, err := read(file)
		if sum := sha256.Sum256(raw); err == nil && d.applied[file] != sum {
			if err = d.apply(ctx, objects); err == nil {
				logrus.Infof("Applied manifest %s (%d objects)", file, len(objects))
				d.applied[file] = sum
			}
		}
		if err != nil && ctx.Err() == nil {
			logrus.Errorf("Failed to process config: failed to process %s: %v", file, err)
		}
	}
}

// apply goes on after a failure: an object may need one that stands further down.
func (d *Deployer) apply(ctx context.Context, objects []*unstructured.Unstructured) error {
	var failures []error
	for _, object := range objects {
		if err := d.applyOne(ctx, object); err != nil {
			failures = append(failures, fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err))
		}
	}
	return errors.Join(failures...)
}

func (d *Deployer) applyOne(ctx context.Context, object *unstructured.Unstructured) error {
	mapping, err := d.mapping(object)
	if err != nil {
		return err
	}
	var resource dynamic.ResourceInterface = d.client.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		namespace := object.GetNamespace()
		if namespace == "" {
			namespace = metav1.NamespaceDefault
		}
		resource = d.client.Resource(mapping.Resource).Namespace(namespace)
	}
	_, err = resource.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	if err == nil && object.GroupVersionKind().Group == helmGroup {
		logrus.Warnf("%s %s is stored and not rendered: this stand-in for k3s has no Helm controller",
			object.GetKind(), object.GetName())
	}
	return err
}

// mapping asks the API again when it does not know a kind: its definition may have come since.
func (d *Deployer) mapping(object *unstructured.Unstructured) (*meta.RESTMapping, error) {
	kind := object.GroupVersionKind()
	mapping, err := d.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		d.mapper.Reset()
		mapping, err = d.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	}
	return mapping, err
}
