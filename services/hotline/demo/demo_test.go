package demo_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hotline-desk/hotline/services/hotline/demo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The beats of the conversation, in the order in which somebody has to see them.
var beats = []string{
	"Nothing leaves this machine",
	"Ada Lovelace: Good morning!",
	"🟪 Ada Lovelace  (new topic)",
	"Grace Hopper: Good morning, Ada.",
	"🟨 Ada Lovelace  (answered)",
	"(comment)",
	"[photo]",
	"🟪 Ada Lovelace  (needs an answer)",
	"/close  (command)",
	"⬛ Ada Lovelace  (closed)",
	"(topic closed)",
	"One more thing",
	"(topic reopened)",
	"🟪 Ada Lovelace  (needs an answer)",
	"and nothing else did.",
}

func TestDemoWithoutTerminalPlaysAndEnds(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var out bytes.Buffer
	if err := demo.Run(t.Context(), demo.Options{Out: &out, Limit: time.Minute}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	rest := out.String()
	for _, beat := range beats {
		_, after, ok := strings.Cut(rest, beat)
		if !ok {
			t.Fatalf("%q is missing, or too early, in\n%s", beat, out.String())
		}
		rest = after
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("colours without a terminal")
	}
	left, err := os.ReadDir(os.TempDir())
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestTheDeskKeepsQuietAboutWhatWasSaid(t *testing.T) {
	data := t.TempDir()
	var out bytes.Buffer
	if err := demo.Run(t.Context(), demo.Options{Data: data, LogLevel: "debug", Out: &out, Limit: time.Minute}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	searched := 0
	err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		searched++
		raw, err := os.ReadFile(path)
		for _, said := range []string{"every seventh card", "fourth cog", "marked in red", "tell the workshop", "Lovelace"} {
			if bytes.Contains(raw, []byte(said)) {
				t.Errorf("%s holds %q", path, said)
			}
		}
		return err
	})
	if err != nil || searched < 5 {
		t.Errorf("searched %d files: %v", searched, err)
	}
}

func TestDemoFailsWhenTheConversationDoesNotHappen(t *testing.T) {
	data := t.TempDir()
	var out bytes.Buffer
	err := demo.Run(t.Context(), demo.Options{Data: data, Out: &out, Limit: time.Nanosecond})
	if err == nil || !strings.Contains(err.Error(), "did not happen in time") {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if _, err := os.Stat(filepath.Join(data, "demo.log")); err != nil {
		t.Errorf("no log of the desk to look into: %v", err)
	}
}
