// Package seal owns secrecy: authenticated encryption under rotating master keys, data
// keys wrapped by them, the key file, and the redaction of bot tokens in text.
//
// It refuses to print a key, and never says why something could not be opened.
package seal

import (
	"bytes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

var (
	// ErrOpen: the box is damaged, was sealed under a key that is not among ours, or for
	// another purpose (aad). Nothing can be said about the content; do not retry.
	ErrOpen = errors.New("seal: cannot be opened")
	// ErrKey: a key is missing, has the wrong length, or is given twice.
	ErrKey = errors.New("seal: bad key")
)

const (
	version   = 1
	idSize    = 4
	headSize  = 1 + idSize
	nonceSize = chacha20poly1305.NonceSizeX
)

// Overhead is how many bytes a box is longer than its content.
const Overhead = headSize + nonceSize + chacha20poly1305.Overhead

// Sealer seals under its first key and opens what any of its keys sealed. The layout of
// a box is: version (1 byte), key id (4), nonce (24), XChaCha20-Poly1305 ciphertext;
// version and key id are authenticated. A Sealer is immutable and safe for concurrent use.
type Sealer struct {
	keys []sealKey
}

type sealKey struct {
	id   [idSize]byte
	aead cipher.AEAD
}

// New makes a Sealer. The first key seals; the others only open, which is how a master
// key is rotated. It returns ErrKey for no key, an empty key or the same key twice.
func New(keys ...Key) (*Sealer, error) {
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: none given", ErrKey)
	}
	s := &Sealer{}
	for i, k := range keys {
		if k.b == nil {
			return nil, fmt.Errorf("%w: key %d is empty", ErrKey, i+1)
		}
		aead, err := chacha20poly1305.NewX(k.b[:])
		if err != nil {
			return nil, fmt.Errorf("%w: key %d: %w", ErrKey, i+1, err)
		}
		sk := sealKey{id: k.id(), aead: aead}
		if s.find(sk.id[:]) != nil {
			return nil, fmt.Errorf("%w: key %d is given twice", ErrKey, i+1)
		}
		s.keys = append(s.keys, sk)
	}
	return s, nil
}

// Seal encrypts plaintext for the purpose named by aad (for instance the bucket and key
// it is stored under), which Open must repeat. Each call uses a fresh random nonce.
func (s *Sealer) Seal(plaintext, aad []byte) []byte {
	k := s.keys[0]
	box := make([]byte, headSize+nonceSize, Overhead+len(plaintext))
	box[0] = version
	copy(box[1:], k.id[:])
	nonce := box[headSize:]
	rand.Read(nonce) // never fails: the runtime ends the process without entropy
	return k.aead.Seal(box, nonce, plaintext, bind(box[:headSize], aad))
}

// Open decrypts what Seal made with the same aad, or returns ErrOpen.
func (s *Sealer) Open(box, aad []byte) ([]byte, error) {
	if len(box) < Overhead || box[0] != version {
		return nil, ErrOpen
	}
	k := s.find(box[1:headSize])
	if k == nil {
		return nil, ErrOpen
	}
	plain, err := k.aead.Open(nil, box[headSize:headSize+nonceSize], box[headSize+nonceSize:], bind(box[:headSize], aad))
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}

// Stale says whether box was sealed under a key that is no longer the first, and should
// be sealed anew before that key is withdrawn. It says so of a damaged box too.
func (s *Sealer) Stale(box []byte) bool {
	return len(box) < Overhead || box[0] != version || !bytes.Equal(box[1:headSize], s.keys[0].id[:])
}

// Wrap seals a data key; see Seal for aad.
func (s *Sealer) Wrap(k Key, aad []byte) ([]byte, error) {
	if k.b == nil {
		return nil, fmt.Errorf("%w: empty", ErrKey)
	}
	return s.Seal(k.b[:], aad), nil
}

// Unwrap returns the data key that Wrap sealed with the same aad, or ErrOpen.
func (s *Sealer) Unwrap(box, aad []byte) (Key, error) {
	raw, err := s.Open(box, aad)
	if err != nil {
		return Key{}, err
	}
	if len(raw) != KeySize {
		return Key{}, ErrOpen
	}
	return keyOf(raw), nil
}

func (s *Sealer) find(id []byte) *sealKey {
	for i := range s.keys {
		if bytes.Equal(s.keys[i].id[:], id) {
			return &s.keys[i]
		}
	}
	return nil
}

// bind joins the header, whose length is fixed, with the caller's aad, so that neither
// can be exchanged.
func bind(head, aad []byte) []byte {
	return append(head[:len(head):len(head)], aad...)
}

// id names a key without telling anything about it.
func (k Key) id() [idSize]byte {
	mac := hmac.New(sha256.New, k.b[:])
	mac.Write([]byte("hotline seal key id"))
	return [idSize]byte(mac.Sum(nil)[:idSize])
}
