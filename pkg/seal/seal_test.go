package seal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/hotline-desk/hotline/pkg/seal"
)

func sealer(t *testing.T, keys ...seal.Key) *seal.Sealer {
	t.Helper()
	s, err := seal.New(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealOpen(t *testing.T) {
	s := sealer(t, seal.NewKey())
	rapid.Check(t, func(t *rapid.T) {
		plain, aad := rapid.SliceOf(rapid.Byte()).Draw(t, "plain"), rapid.SliceOf(rapid.Byte()).Draw(t, "aad")
		box := s.Seal(plain, aad)
		if len(box) != len(plain)+seal.Overhead {
			t.Fatalf("a box of %d bytes for %d", len(box), len(plain))
		}
		if got, err := s.Open(box, aad); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("got %x, %v", got, err)
		}
		if bytes.Equal(box, s.Seal(plain, aad)) {
			t.Fatal("the nonce was used twice")
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	s := sealer(t, seal.NewKey())
	box := s.Seal([]byte("Ada Lovelace"), []byte("profile.c_1.7"))
	for i := range box {
		bad := bytes.Clone(box)
		bad[i] ^= 1
		if _, err := s.Open(bad, []byte("profile.c_1.7")); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("byte %d changed: %v", i, err)
		}
		if _, err := s.Open(box[:i], []byte("profile.c_1.7")); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("cut to %d: %v", i, err)
		}
	}
	if _, err := s.Open(box, []byte("profile.c_1.8")); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("opened for another purpose: %v", err)
	}
	if _, err := sealer(t, seal.NewKey()).Open(box, []byte("profile.c_1.7")); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("opened under another key: %v", err)
	}
	if bytes.Contains(box, []byte("Ada")) {
		t.Error("the content can be read")
	}
}

func TestRotation(t *testing.T) {
	old, fresh := seal.NewKey(), seal.NewKey()
	box := sealer(t, old).Seal([]byte("x"), nil)
	both := sealer(t, fresh, old)
	if got, err := both.Open(box, nil); err != nil || string(got) != "x" {
		t.Fatalf("the old key does not open: %v", err)
	}
	if !both.Stale(box) {
		t.Error("a box of the old key is not stale")
	}
	again := both.Seal([]byte("x"), nil)
	if both.Stale(again) {
		t.Error("a box of the first key is stale")
	}
	if _, err := sealer(t, fresh).Open(again, nil); err != nil {
		t.Errorf("the first key does not seal: %v", err)
	}
}

func TestDataKeys(t *testing.T) {
	master, k := sealer(t, seal.NewKey()), seal.NewKey()
	box, err := master.Wrap(k, []byte("key.c_1.7"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := master.Unwrap(box, []byte("key.c_1.7"))
	if err != nil || got.Encode() != k.Encode() {
		t.Fatalf("the key came back changed: %v", err)
	}
	if _, err := master.Unwrap(box, []byte("key.c_1.8")); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("unwrapped for another customer: %v", err)
	}
	if _, err := master.Unwrap(master.Seal([]byte("short"), nil), nil); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("took something else for a key: %v", err)
	}
	if _, err := master.Wrap(seal.Key{}, nil); !errors.Is(err, seal.ErrKey) {
		t.Errorf("wrapped an empty key: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	k := seal.NewKey()
	for name, keys := range map[string][]seal.Key{"none": nil, "empty": {{}}, "twice": {k, k}} {
		if _, err := seal.New(keys...); !errors.Is(err, seal.ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseKeys(t *testing.T) {
	a, b := seal.NewKey(), seal.NewKey()
	keys, err := seal.ParseKeys(" " + a.Encode() + ",\n" + strings.TrimRight(b.Encode(), "=") + "\n")
	if err != nil || len(keys) != 2 || keys[0].Encode() != a.Encode() || keys[1].Encode() != b.Encode() {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	for _, text := range []string{"", " , ", "c2hvcnQ=", "?" + a.Encode(), a.Encode()[:40]} {
		_, err := seal.ParseKeys(text)
		if !errors.Is(err, seal.ErrKey) {
			t.Errorf("%q: %v", text, err)
		}
		if word := strings.TrimSpace(text); len(word) > 3 && strings.Contains(err.Error(), word) {
			t.Errorf("the error quotes the key: %v", err)
		}
	}
}

func TestKeysDoNotPrint(t *testing.T) {
	k := seal.NewKey()
	box := struct{ k seal.Key }{k}
	for _, text := range []string{fmt.Sprint(k), fmt.Sprintf("%x %q %#v %d", k, k, k, k), fmt.Sprintf("%+v %x", box, box)} {
		if strings.Contains(text, fmt.Sprintf("%x", k.Encode())) || strings.Contains(text, k.Encode()) {
			t.Errorf("printed: %s", text)
		}
	}
	if text, err := json.Marshal(map[string]any{"k": k}); err != nil || string(text) != `{"k":"***"}` {
		t.Errorf("encoded: %s, %v", text, err)
	}
}

func TestLoadOrCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seal.key")
	var wg sync.WaitGroup
	texts := make([]string, 8)
	for i := range texts {
		wg.Go(func() {
			keys, err := seal.LoadOrCreate(path)
			if err != nil {
				t.Error(err)
				return
			}
			texts[i] = keys[0].Encode()
		})
	}
	wg.Wait()
	for _, text := range texts {
		if text != texts[0] {
			t.Fatal("two starts made two keys")
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".key-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestLoadOrCreateRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // whatever the umask
			t.Fatal(err)
		}
		return path
	}
	good := seal.NewKey().Encode()
	for name, path := range map[string]string{
		"open to others": write("open", good, 0o644),
		"empty":          write("empty", "", 0o600),
		"damaged":        write("damaged", good[1:], 0o600),
		"no directory":   filepath.Join(dir, "none", "seal.key"),
	} {
		if keys, err := seal.LoadOrCreate(path); err == nil {
			t.Errorf("%s: accepted, %d keys", name, len(keys))
		}
	}
}

func TestRedact(t *testing.T) {
	const secret = "AAEhBP0av28fTnQ7bLwKjq9Yb3Zx5cVd1mN"
	for in, want := range map[string]string{
		"nothing here at 12:30:45":                                "nothing here at 12:30:45",
		"https://api.telegram.org/bot123456:" + secret + "/getMe": "https://api.telegram.org/bot123456:***/getMe",
		"bot123456%3A" + secret + "/getMe":                        "bot123456%3A***/getMe",
		"123456%3a" + secret:                                      "123456%3a***",
		"1:" + secret + " and 2:" + secret:                        "1:*** and 2:***",
		"12:34:" + secret:                                         "12:34:***",
		"x:" + secret:                                             "x:" + secret,
		"":                                                        "",
	} {
		if got := seal.Redact(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	s, err := seal.New(seal.NewKey())
	if err != nil {
		b.Fatal(err)
	}
	plain := make([]byte, 200)
	for b.Loop() {
		s.Seal(plain, nil)
	}
}

// Wherever a token stands, its secret part is gone, and redacting twice changes nothing.
func FuzzRedact(f *testing.F) {
	f.Add("https://api.telegram.org/bot", "/getMe")
	f.Add("%3A:%3", ":::1%3a")
	f.Fuzz(func(t *testing.T, before, after string) {
		const secret = "AAEhBP0av28fTnQ7bLwKjq9Yb3Zx5cVd1mN"
		for _, colon := range []string{":", "%3A", "%3a"} {
			out := seal.Redact(before + "123456789" + colon + secret + after)
			if strings.Contains(out, secret) && !strings.Contains(before+after, secret) {
				t.Fatalf("kept in %q", out)
			}
			if again := seal.Redact(out); again != out {
				t.Fatalf("%q became %q", out, again)
			}
		}
	})
}
