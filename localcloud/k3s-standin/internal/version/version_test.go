package version

import (
	"os"
	"strings"
	"testing"
)

func TestTheBuildLineHasTheSameVersion(t *testing.T) {
	script, err := os.ReadFile("../../build.sh")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(script), "version="+Kubernetes+"\n") {
		t.Errorf("build.sh does not set %s", Kubernetes)
	}
}

func TestAMinorVersionIsComparedAsNumbers(t *testing.T) {
	for minor, want := range map[string]bool{"1.9": true, "1.36": true, "1.37": false, "2.0": false} {
		if got := AtLeast(minor); got != want {
			t.Errorf("%s: %t, want %t", minor, got, want)
		}
	}
}
