// Package manifests applies the files of server/manifests to the cluster, and again when they change.
package manifests

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
	applied map[string]state // file -> what was last applied in full
}

// state is the hash of a file's content, and the objects in it.
type state struct {
	sum     [sha256.Size]byte
	objects []*unstructured.Unstructured
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
		dir: dir, client: client, applied: map[string]state{},
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

// scan applies each changed file and deletes what is no longer in it, as far as it was applied since
// the start; what failed is tried again at the next scan.
func (d *Deployer) scan(ctx context.Context) {
	files, err := find(d.dir)
	if err != nil {
		logrus.Errorf("Failed to read %s: %v", d.dir, err)
	}
	for _, file := range files {
		raw, objects, err := read(file)
		before := d.applied[file]
		if sum := sha256.Sum256(raw); err == nil && before.sum != sum {
			if err = errors.Join(d.apply(ctx, objects), d.prune(ctx, before.objects, objects)); err == nil {
				logrus.Infof("Applied manifest %s (%d objects)", file, len(objects))
				d.applied[file] = state{sum: sum, objects: objects}
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

// prune deletes the objects that were there before and are no longer.
func (d *Deployer) prune(ctx context.Context, before, now []*unstructured.Unstructured) error {
	var failures []error
	for _, object := range gone(before, now) {
		resource, err := d.resource(object)
		if err == nil {
			err = resource.Delete(ctx, object.GetName(), metav1.DeleteOptions{})
		}
		if err != nil && !apierrors.IsNotFound(err) {
			failures = append(failures, fmt.Errorf("delete %s %s: %w", object.GetKind(), object.GetName(), err))
		}
	}
	return errors.Join(failures...)
}

// gone lists what of the first objects is not among the second.
func gone(before, now []*unstructured.Unstructured) []*unstructured.Unstructured {
	kept := map[string]bool{}
	for _, object := range now {
		kept[identity(object)] = true
	}
	return slices.DeleteFunc(slices.Clone(before), func(object *unstructured.Unstructured) bool {
		return kept[identity(object)]
	})
}

// identity tells objects apart whatever the version of their kind is.
func identity(object *unstructured.Unstructured) string {
	kind := object.GroupVersionKind().GroupKind().String()
	return strings.Join([]string{kind, namespaceOf(object), object.GetName()}, " ")
}

func namespaceOf(object *unstructured.Unstructured) string {
	if namespace := object.GetNamespace(); namespace != "" {
		return namespace
	}
	return metav1.NamespaceDefault
}

func (d *Deployer) resource(object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	mapping, err := d.mapping(object)
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		return d.client.Resource(mapping.Resource).Namespace(namespaceOf(object)), nil
	}
	return d.client.Resource(mapping.Resource), nil
}

func (d *Deployer) applyOne(ctx context.Context, object *unstructured.Unstructured) error {
	resource, err := d.resource(object)
	if err != nil {
		return err
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
