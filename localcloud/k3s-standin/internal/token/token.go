// Package token owns k3s's join tokens: `K10<hash of the CA>::<user>:<password>`, or a bare password.
package token

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"k8s.io/client-go/util/cert"
)

const prefix = "K10"

// Token is a join token taken apart. A bare password has neither hash nor user.
type Token struct {
	CAHash   string
	Username string
	Password string
}

// Parse reads either form, as k3s does: the hash may be missing from the full one. Its errors do not
// repeat the token.
func Parse(text string) (Token, error) {
	if text == "" {
		return Token{}, errors.New("token must not be empty")
	}
	rest, full := strings.CutPrefix(text, prefix)
	if !full {
		return Token{Password: text}, nil
	}
	hash, credentials, found := strings.Cut(rest, "::")
	if !found {
		hash, credentials = "", rest
	}
	if hash != "" && len(hash) != hex.EncodedLen(sha256.Size) {
		return Token{}, errors.New("invalid token CA hash length")
	}
	user, password, found := strings.Cut(credentials, ":")
	if !found || password == "" {
		return Token{}, errors.New("invalid token format")
	}
	return Token{CAHash: hash, Username: user, Password: password}, nil
}

// UserPassword is what k3s takes for a user's password: what follows the user's name in the full form of
// a token, else the whole text.
func UserPassword(user, text string) string {
	if credentials := strings.Index(text, "::"+user+":"); credentials > 0 && strings.HasPrefix(text, prefix) {
		return text[credentials+len("::"+user+":"):]
	}
	return text
}

var bootstrapForm = regexp.MustCompile(`^[a-z0-9]{6}\.[a-z0-9]{16}$`)

// Password reads a server's token in either form. A bootstrap token is refused: it is for agents only.
func Password(text string) (string, error) {
	parsed, err := Parse(text)
	if err != nil || bootstrapForm.MatchString(parsed.Password) {
		return "", errors.New("failed to normalize server token; must be in format K10<CA-HASH>::<USERNAME>:<PASSWORD> or <PASSWORD>")
	}
	return parsed.Password, nil
}

// Random makes a password as k3s makes one.
func Random() (string, error) {
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	return hex.EncodeToString(random), nil
}

// Format gives the full form for the authority that signs the server's certificate.
func Format(user, password string, ca []byte) (string, error) {
	hash, err := HashCA(ca)
	if err != nil {
		return "", err
	}
	return prefix + hash + "::" + user + ":" + password, nil
}

// HashCA hashes a CA file as k3s does: the bytes of the file when it holds one certificate,
// the root's DER when it holds a chain.
func HashCA(ca []byte) (string, error) {
	certificates, err := cert.ParseCertsPEM(ca)
	if err != nil {
		return "", fmt.Errorf("CA certificate: %w", err)
	}
	if len(certificates) > 1 {
		ca = rootOf(certificates, ca)
	}
	digest := sha256.Sum256(ca)
	return hex.EncodeToString(digest[:]), nil
}

func rootOf(certificates []*x509.Certificate, otherwise []byte) []byte {
	for _, c := range certificates[1:] {
		if len(c.AuthorityKeyId) == 0 || bytes.Equal(c.AuthorityKeyId, c.SubjectKeyId) {
			return c.Raw
		}
	}
	return otherwise
}
