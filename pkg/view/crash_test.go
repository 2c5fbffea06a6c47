package view_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hotline-desk/hotline/pkg/view"
	"github.com/hotline-desk/hotline/pkg/view/viewtest"
)

// childEnv makes the test binary the process that TestKill kills.
const childEnv = "HOTLINE_VIEW_TEST_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		if err := child(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

const (
	killEvents = 5_000
	killDocs   = 50
)

type counter struct {
	ID string `json:"id"`
	N  int    `json:"n"`
}

// counting adds one for every record, so that a record lost or repeated shows.
func counting(s *view.Store, observe func(view.Progress)) (*view.Collection[counter], *view.Projector[counter], *viewtest.Log, error) {
	log := viewtest.NewLog("DESK")
	for i := range killEvents {
		log.Append(fmt.Sprintf("d%d", i%killDocs), nil)
	}
	c, err := view.NewCollection[counter](s, view.Schema{Name: "counters", Version: 1, Indexes: []view.Index{{"n"}}})
	if err != nil {
		return nil, nil, nil, err
	}
	count := func(ctx context.Context, b *view.Batch[counter], r view.Record) error {
		return b.Update(ctx, r.Subject, func(d *counter, _ bool) error {
			d.ID = r.Subject
			d.N++
			return nil
		})
	}
	p, err := view.NewProjector(c, view.ProjectFunc[counter](count), []view.Source{log}, view.Options{Batch: 20, Observe: observe})
	return c, p, log, err
}

// child projects until it is killed, or done.
func child(path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := view.Open(ctx, view.Config{Path: path})
	if err != nil {
		return err
	}
	_, p, _, err := counting(s, func(v view.Progress) { fmt.Println(v.Seq) })
	if err != nil {
		return err
	}
	return p.Run(ctx)
}

// TestKill: a process killed with -9 at any moment leaves documents and checkpoint that fit together.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "views.db")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		cmd := exec.CommandContext(t.Context(), exe)
		cmd.Env = append(os.Environ(), childEnv+"="+path)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// After so many commits it is somewhere in the next ones.
		lines := bufio.NewScanner(out)
		for range 3 + 2*i {
			if !lines.Scan() {
				t.Fatalf("the child ended by itself: %v", lines.Err())
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.Exited() {
			t.Fatalf("the child was not killed: %v", err)
		}
	}
	finish(t, path)
}

// finish projects the rest in this process and counts.
func finish(t *testing.T, path string) {
	t.Helper()
	s, err := view.Open(t.Context(), view.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, s)
	c, p, _, err := counting(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	pos, err := c.Position(t.Context())
	if err != nil || pos["DESK"] == 0 || pos["DESK"] >= killEvents {
		t.Fatalf("the killed children left position %v (%v)", pos, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	if err := c.WaitFor(ctx, "DESK", killEvents); err != nil {
		t.Error(err)
	}
	var docs int
	err = c.Each(ctx, view.Query{}, func(d counter) error {
		docs++
		if d.N != killEvents/killDocs {
			t.Errorf("%s counts %d, want %d", d.ID, d.N, killEvents/killDocs)
		}
		return nil
	})
	if err != nil || docs != killDocs {
		t.Errorf("%d documents, want %d (%v)", docs, killDocs, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestTwoProcesses: a second handle on the same file, as another process has it, waits for and sees what the first
// writes, and follows its rebuild.
func TestTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "views.db")
	var stores [2]*view.Store
	for i := range stores {
		var err error
		if stores[i], err = view.Open(t.Context(), view.Config{Path: path}); err != nil {
			t.Fatal(err)
		}
		defer closed(t, stores[i])
	}
	_, p, log, err := counting(stores[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	reader, _, _, err := counting(stores[1], nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	for round := range 3 {
		seq := log.Append("new", nil)
		if err := reader.WaitFor(ctx, "DESK", seq); err != nil {
			t.Fatal(err)
		}
		d, err := reader.Get(ctx, "new")
		if err != nil || d.N != round+1 {
			t.Fatalf("the reader sees %+v, want %d (%v)", d, round+1, err)
		}
		if _, err := p.Rebuild(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := stores[0].DropOld(ctx, "counters"); err != nil {
		t.Fatal(err)
	}
	if d, err := reader.Get(ctx, "new"); err != nil || d.N != 3 {
		t.Fatalf("the reader sees %+v (%v)", d, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
