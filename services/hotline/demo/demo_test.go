package demo_test

import (
	"bytes"
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

func TestDemoFailsWhenTheConversationDoesNotHappen(t *testing.T) {
	data := t.TempDir()
	var out bytes.Buffer
	err := demo.Run(t.Context(), demo.Options{Data: data, Out: &out, Limit: time.Nanosecond})
	if err == nil || !strings.Contains(err.Error(), "did not happen in time") {
		t.Fatalf("%v\n%s", err, out.String())
	}
	log, err := os.ReadFile(filepath.Join(data, "demo.log"))
	if err != nil || len(log) == 0 {
		t.Errorf("no log of the desk to look into: %v", err)
	}
	if strings.Contains(string(log), "every seventh card") || strings.Contains(string(log), "Lovelace") {
		t.Error("the log holds what was said, or by whom")
	}
}
