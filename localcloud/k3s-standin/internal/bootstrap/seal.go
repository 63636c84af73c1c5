package bootstrap

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

const (
	keyPrefix  = "/bootstrap/"
	hashDigits = 12
	saltBytes  = 8
	iterations = 4096
	keyBytes   = 32
)

// keyOf is under which key of the datastore a token's data stands.
func keyOf(password string) string {
	digest := sha256.Sum256([]byte(password))
	return keyPrefix + hex.EncodeToString(digest[:])[:hashDigits]
}

// seal encrypts with a key derived from the token: salt, nonce, ciphertext.
func seal(password string, plain []byte) ([]byte, error) {
	salt := make([]byte, saltBytes)
	if _, err := rand.Read(salt); err != nil {
		return nil, err
	}
	box, err := boxOf(password, salt)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, box.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	return box.Seal(append(salt, nonce...), nonce, plain, nil), nil
}

func open(password string, sealed []byte) ([]byte, error) {
	if len(sealed) < saltBytes {
		return nil, errors.New("bootstrap data is damaged")
	}
	box, err := boxOf(password, sealed[:saltBytes])
	if err != nil {
		return nil, err
	}
	rest := sealed[saltBytes:]
	if len(rest) < box.NonceSize() {
		return nil, errors.New("bootstrap data is damaged")
	}
	return box.Open(nil, rest[:box.NonceSize()], rest[box.NonceSize():], nil)
}

func boxOf(password string, salt []byte) (cipher.AEAD, error) {
	key, err := pbkdf2.Key(sha256.New, password, salt, iterations, keyBytes)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
