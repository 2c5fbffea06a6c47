package run

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDataIsPrivateAndKeepsItsInstance(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "data")
	d, err := OpenData(path)
	if err != nil {
		t.Fatal(err)
	}
	sub, err := d.Sub("nats")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{path, sub} {
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", dir, info.Mode(), err)
		}
	}
	if _, err := OpenData(path); !errors.Is(err, ErrData) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("opened twice: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := OpenData(path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if again.Instance != d.Instance || len(d.Instance) != 36 {
		t.Errorf("instance %q became %q", d.Instance, again.Instance)
	}
}

func TestDataModes(t *testing.T) {
	for name, tc := range map[string]struct {
		file string
		mode os.FileMode
		ok   bool
	}{
		"empty, open":        {"", 0o755, true},
		"ours, open":         {"instance", 0o755, true},
		"fresh volume":       {"lost+found", 0o755, true},
		"foreign, open":      {"passwd", 0o755, false},
		"foreign but closed": {"seal.key", 0o700, true},
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			if tc.file != "" {
				if err := os.WriteFile(filepath.Join(path, tc.file), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(path, tc.mode); err != nil {
				t.Fatal(err)
			}
			d, err := OpenData(path)
			if (err == nil) != tc.ok {
				t.Fatalf("got %v", err)
			}
			want := tc.mode
			if err == nil {
				defer d.Close()
				want = 0o700
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
		})
	}
}

func TestDataRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(dir, "bad")
	if err := os.Mkdir(bad, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bad, "instance"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "below"), bad} {
		if _, err := OpenData(path); !errors.Is(err, ErrData) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
