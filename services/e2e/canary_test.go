package e2e

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// canaries fails the test when any of the secrets lies in what the desk wrote: data directory, logs, metrics.
// Texts shorter than eight bytes are left out: they would be found anywhere.
func (d *desk) canaries(t *testing.T, secrets []string) {
	t.Helper()
	var words [][]byte
	for _, s := range secrets {
		if len(s) >= 8 {
			words = append(words, []byte(s))
		}
	}
	if len(words) == 0 {
		t.Fatal("nothing to search for: the search would prove nothing")
	}
	files := 0
	err := filepath.WalkDir(d.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		if found := firstOf(raw, words); found != "" {
			t.Errorf("%s holds %q", strings.TrimPrefix(path, d.dir), found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatal("no files to search: the search proved nothing")
	}
	for _, page := range d.metrics {
		if found := firstOf([]byte(page), words); found != "" {
			t.Errorf("/metrics or /readyz holds %q", found)
		}
	}
}

func firstOf(raw []byte, words [][]byte) string {
	for _, w := range words {
		if bytes.Contains(raw, w) {
			return string(w)
		}
	}
	return ""
}
