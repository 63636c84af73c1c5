package manifests

import (
	"slices"
	"testing"
)

func TestAnObjectIsGoneWhenItsKindNamespaceAndNameAre(t *testing.T) {
	before, err := decode([]byte(`
kind: ConfigMap
apiVersion: v1
metadata: {name: stays}
---
kind: ConfigMap
apiVersion: v1
metadata: {name: moves, namespace: one}
---
kind: Secret
apiVersion: v1
metadata: {name: stays}
---
kind: CronJob
apiVersion: batch/v1beta1
metadata: {name: another-version}
`))
	if err != nil {
		t.Fatal(err)
	}
	now, err := decode([]byte(`
kind: ConfigMap
apiVersion: v1
metadata: {name: stays, namespace: default}
---
kind: ConfigMap
apiVersion: v1
metadata: {name: moves, namespace: two}
---
kind: CronJob
apiVersion: batch/v1
metadata: {name: another-version}
`))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, object := range gone(before, now) {
		names = append(names, object.GetKind()+" "+namespaceOf(object)+"/"+object.GetName())
	}
	want := []string{"ConfigMap one/moves", "Secret default/stays"}
	if !slices.Equal(want, names) {
		t.Errorf("want %v, got %v", want, names)
	}
}
