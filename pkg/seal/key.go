package seal

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// KeySize is the length of a key in bytes.
const KeySize = chacha20poly1305.KeySize

// Key is a 256-bit key that prints as ***. The zero Key is empty and refused everywhere.
type Key struct {
	b *[KeySize]byte // behind a pointer, so that no formatting of an enclosing value shows it
}

// NewKey returns a random key.
func NewKey() Key {
	k := Key{b: new([KeySize]byte)}
	rand.Read(k.b[:]) // never fails: the runtime ends the process without entropy
	return k
}

// Format prints *** whatever the verb.
func (k Key) Format(s fmt.State, _ rune) { io.WriteString(s, "***") }

// MarshalText hides the key from encoders.
func (k Key) MarshalText() ([]byte, error) { return []byte("***"), nil }

// Encode returns the key as text, in the form that ParseKeys reads. It is for writing
// key files only.
func (k Key) Encode() string {
	if k.b == nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(k.b[:])
}

// ParseKeys reads one or more base64 keys of 32 bytes, separated by commas or white
// space; the first one seals. It returns ErrKey, which never quotes the text.
func ParseKeys(text string) ([]Key, error) {
	var keys []Key
	for i, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r <= ' ' }) {
		raw, err := decode(word)
		if err != nil || len(raw) != KeySize {
			return nil, fmt.Errorf("%w: key %d is not 32 bytes in base64", ErrKey, i+1)
		}
		keys = append(keys, keyOf(raw))
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: none given", ErrKey)
	}
	return keys, nil
}

// LoadOrCreate reads the keys of the file at path, and writes a new key there (mode
// 0600, synced) when the file does not exist. Two processes that start at once end up
// with the same key. It returns ErrKey when the file's content is bad, or when others
// than its owner may read it.
func LoadOrCreate(path string) ([]Key, error) {
	keys, err := load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	if err := create(path, NewKey()); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("create key file: %w", err)
	}
	return load(path)
}

func load(path string) ([]Key, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s can be read by others; chmod 600 it", ErrKey, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	keys, err := ParseKeys(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

// create writes the whole file under another name first: a crash leaves either no key
// or a complete one. Link, unlike rename, fails when somebody else was first.
func create(path string, k Key) error {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(k.Encode() + "\n")
	if err == nil {
		err = tmp.Sync()
	}
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func decode(word string) ([]byte, error) {
	word = strings.TrimRight(word, "=")
	if strings.ContainsAny(word, "-_") {
		return base64.RawURLEncoding.DecodeString(word)
	}
	return base64.RawStdEncoding.DecodeString(word)
}

func keyOf(raw []byte) Key {
	return Key{b: (*[KeySize]byte)(raw)}
}
