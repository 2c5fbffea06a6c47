package eventlog

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/es/estest"
	"github.com/hotline-desk/hotline/pkg/natsd"
)

// The test binary, started anew with these set, is a process to be killed.
const (
	childDir        = "HOTLINE_TEST_CHILD_DIR"
	childDurability = "HOTLINE_TEST_CHILD_DURABILITY"
)

// child decides without end and prints each decision once it is acknowledged.
func child(dir, durability string) {
	server, err := natsd.Start(context.Background(), natsd.Config{Dir: dir, Durability: durability})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	nc, err := server.Connect("child")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	l, err := Open(context.Background(), nc, Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	handler := es.NewHandler("kill", l.Store(), estest.Counter(1), 100)
	for i := 1; ; i++ {
		for dialog := range 3 {
			key := es.Key{Aggregate: "dialog", Connection: "c_1", ID: strconv.Itoa(dialog)}
			if _, err := handler.Handle(context.Background(), key, estest.AddCommand(strconv.Itoa(i), uint64(i))); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			if _, err := l.PublishFact(context.Background(), messageFact("c_1", int64(dialog), int64(i)), strconv.Itoa(dialog)); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
		fmt.Println(i)
	}
}

// A process killed without warning loses nothing that was acknowledged, and its directory opens again, over and over.
func TestKilledProcessLosesNothing(t *testing.T) {
	for _, durability := range []string{natsd.Always, natsd.Interval} {
		t.Run(durability, func(t *testing.T) {
			dir := t.TempDir()
			for range 3 {
				acknowledged := runAndKill(t, dir, durability)
				verifyKilled(t, dir, durability, acknowledged)
			}
		})
	}
}

func runAndKill(t *testing.T, dir, durability string) (acknowledged uint64) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childDir+"="+dir, childDurability+"="+durability)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for rounds := 0; lines.Scan(); rounds++ {
		if acknowledged, err = strconv.ParseUint(lines.Text(), 10, 64); err != nil {
			t.Fatal(err)
		}
		if rounds == 40 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the child ended by itself")
	}
	return acknowledged
}

func verifyKilled(t *testing.T, dir, durability string, acknowledged uint64) {
	t.Helper()
	n := &node{t: t, cfg: natsd.Config{Dir: dir, Durability: durability}}
	start := time.Now()
	n.start()
	l := n.open()
	t.Logf("open %s after the kill", time.Since(start))
	defer n.stop()
	for dialog := range 3 {
		key := es.Key{Aggregate: "dialog", Connection: "c_1", ID: strconv.Itoa(dialog)}
		state, _, err := es.NewHandler("kill", l.Store(), estest.Counter(1), 1).State(t.Context(), key)
		// What was under way when it was killed may be there too, but only as a whole.
		if err != nil || state.Notes < acknowledged || state.Sum != state.Notes*(state.Notes+1)/2 {
			t.Errorf("dialog %d: %+v, acknowledged %d, %v", dialog, state, acknowledged, err)
		}
		facts := 0
		err = l.replay(t.Context(), streamInbox, inboxSubject("c_1", strconv.Itoa(dialog)), 1, func(record) error { facts++; return nil })
		if err != nil || uint64(facts) < acknowledged {
			t.Errorf("dialog %d: %d facts, acknowledged %d, %v", dialog, facts, acknowledged, err)
		}
	}
}
