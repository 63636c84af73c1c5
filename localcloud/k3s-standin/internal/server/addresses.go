package server

import (
	"context"
	"encoding/json"
	"net"
	"slices"
	"strconv"

	"github.com/sirupsen/logrus"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

const (
	ofKubernetes = discoveryv1.LabelServiceName + "=kubernetes"
	// addressesKey is where etcd has the addresses, for servers that cannot ask an API server.
	addressesKey = "k3s/apiaddresses"
)

// addresses are where the cluster's API servers are, by Kubernetes and by etcd: nothing before they answer.
func (s *server) addresses(ctx context.Context) []string {
	var all []string
	list, err := s.client.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{LabelSelector: ofKubernetes})
	if err == nil {
		all = addressesIn(list.Items...)
	}
	if several, ok := s.store.(*etcdDatastore); ok && several.opened.Load() {
		if kept, err := several.member.List(ctx, addressesKey); err == nil {
			var more []string
			if json.Unmarshal(kept[addressesKey], &more) == nil {
				all = append(all, more...)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func addressesIn(endpoints ...discoveryv1.EndpointSlice) []string {
	var all []string
	for _, slice := range endpoints {
		for _, port := range slice.Ports {
			if port.Port == nil || port.Name == nil || *port.Name != "https" {
				continue
			}
			for _, endpoint := range slice.Endpoints {
				if endpoint.Conditions.Ready != nil && !*endpoint.Conditions.Ready {
					continue
				}
				for _, address := range endpoint.Addresses {
					all = append(all, net.JoinHostPort(address, strconv.Itoa(int(*port.Port))))
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// keepAddresses writes them to etcd whenever they change, until the context ends.
func (s *server) keepAddresses(ctx context.Context, d *etcdDatastore) error {
	logrus.Info("Starting managed etcd apiserver addresses controller")
	factory := informers.NewSharedInformerFactoryWithOptions(s.client, 0, informers.WithNamespace(metav1.NamespaceDefault),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = ofKubernetes }))
	keep := func(object any) {
		slice, ok := object.(*discoveryv1.EndpointSlice)
		if !ok {
			return
		}
		text, err := json.Marshal(addressesIn(*slice))
		if err == nil {
			err = d.member.Put(ctx, addressesKey, text)
		}
		if err != nil && ctx.Err() == nil {
			logrus.Warnf("Failed to store apiserver addresses in etcd: %v", err)
		}
	}
	_, err := factory.Discovery().V1().EndpointSlices().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: keep, UpdateFunc: func(_, object any) { keep(object) },
	})
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	<-ctx.Done()
	return ctx.Err()
}
