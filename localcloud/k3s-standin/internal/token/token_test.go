package token

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"k3s-aws/localcloud/k3s-standin/internal/pki"
)

func authority(t *testing.T) []byte {
	t.Helper()
	ca, err := pki.EnsureAuthority(t.TempDir(), "server-ca", "test", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return ca.PEM
}

func TestAFormattedTokenParsesBackToItsParts(t *testing.T) {
	ca := authority(t)
	full, err := Format("node", "pass:word", ca)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(ca)
	want := Token{CAHash: hex.EncodeToString(digest[:]), Username: "node", Password: "pass:word"}
	if got, err := Parse(full); err != nil || got != want {
		t.Errorf("Parse(%q) = %+v, %v; want %+v", full, got, err, want)
	}
}

func TestABarePasswordHasNeitherHashNorUser(t *testing.T) {
	if got, err := Parse("secret"); err != nil || got != (Token{Password: "secret"}) {
		t.Errorf("Parse = %+v, %v", got, err)
	}
}

func TestMalformedTokensAreRefusedWithoutRepeatingThem(t *testing.T) {
	hash := strings.Repeat("ab", sha256.Size)
	for text, want := range map[string]string{
		"":                                  "token must not be empty",
		"K10topsecret":                      "invalid token format",
		"K10abcd::node:topsecret":           "invalid token CA hash length",
		"K10" + hash + "::topsecret":        "invalid token format",
		"K10" + hash + "::node:":            "invalid token format",
		"K10" + hash + "zz::node:topsecret": "invalid token CA hash length",
		"K10::topsecret":                    "invalid token format",
	} {
		if _, err := Parse(text); err == nil || err.Error() != want {
			t.Errorf("Parse(%q): error %v, want %q", text, err, want)
		}
	}
}

func TestTheFullFormMayLackTheHash(t *testing.T) {
	for _, text := range []string{"K10node:secret", "K10::node:secret"} {
		if got, err := Parse(text); err != nil || got != (Token{Username: "node", Password: "secret"}) {
			t.Errorf("Parse(%q) = %+v, %v", text, got, err)
		}
	}
}

func TestAUsersPasswordFollowsTheUsersNameInTheFullForm(t *testing.T) {
	hash := strings.Repeat("ab", sha256.Size)
	for text, want := range map[string]string{
		"secret":                         "secret",
		"K10" + hash + "::node:secret":   "secret",
		"K10" + hash + "::server:secret": "K10" + hash + "::server:secret",
		"K10secret":                      "K10secret",
		"":                               "",
	} {
		if got := UserPassword("node", text); got != want {
			t.Errorf("UserPassword(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestOneCertificateIsHashedAsTheBytesOfItsFile(t *testing.T) {
	ca := authority(t)
	with, err := HashCA(ca)
	if err != nil {
		t.Fatal(err)
	}
	without, err := HashCA([]byte(strings.TrimSpace(string(ca))))
	if err != nil {
		t.Fatal(err)
	}
	if with == without {
		t.Error("the file's last newline must count")
	}
}

func TestSomethingElseThanACertificateHasNoHash(t *testing.T) {
	if _, err := HashCA([]byte("not a certificate")); err == nil {
		t.Error("want an error")
	}
}

func TestAServersTokenIsAPasswordInEitherFormButNoBootstrapToken(t *testing.T) {
	full := "K10" + strings.Repeat("ab", sha256.Size) + "::server:"
	for text, want := range map[string]string{"secret": "secret", full + "secret": "secret"} {
		if got, err := Password(text); err != nil || got != want {
			t.Errorf("Password(%q) = %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "K10secret", "abcdef.0123456789abcdef", full + "abcdef.0123456789abcdef"} {
		if _, err := Password(text); err == nil || !strings.HasPrefix(err.Error(), "failed to normalize server token; ") {
			t.Errorf("Password(%q): %v", text, err)
		}
	}
}
