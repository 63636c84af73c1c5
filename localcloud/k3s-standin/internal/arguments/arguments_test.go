package arguments

import (
	"slices"
	"testing"
)

func TestAnOperatorsArgumentReplacesTheDefaultAndTheOthersAreAppended(t *testing.T) {
	defaults := []string{"--a=1", "--b=2", "--c=3"}
	for _, c := range []struct{ extra, want []string }{
		{nil, []string{"--a=1", "--b=2", "--c=3"}},
		{[]string{"b=20", "--d=4", "e"}, []string{"--a=1", "--b=20", "--c=3", "--d=4", "--e=true"}},
		{[]string{"b=20", "b=21"}, []string{"--a=1", "--b=20", "--b=21", "--c=3"}},
		{[]string{"b+=20", "b+=21"}, []string{"--a=1", "--b=2", "--b=20", "--b=21", "--c=3"}},
		{[]string{"b-=20"}, []string{"--a=1", "--b=20", "--b=2", "--c=3"}},
		{[]string{"b="}, []string{"--a=1", "--b=", "--c=3"}},
	} {
		if got := Merge(defaults, c.extra); !slices.Equal(c.want, got) {
			t.Errorf("%v: got %v, want %v", c.extra, got, c.want)
		}
	}
	if !slices.Equal([]string{"--a=1", "--b=2", "--c=3"}, defaults) {
		t.Error("the defaults were changed")
	}
}

func TestTheFirstArgumentOfANameHasItsValue(t *testing.T) {
	given := []string{"--a=1", "b=2", "b=3", "c"}
	for name, want := range map[string]string{"a": "1", "b": "2", "c": "", "d": ""} {
		if got := Value(name, given); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
