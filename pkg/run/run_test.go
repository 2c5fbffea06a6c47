package run

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
)

// output may be read while it is written.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

// String returns what has been written so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// idle is a program that works until it is told to stop; with "hang" it does not listen.
func idle(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	g := NewGroup(zap.NewNop())
	g.Add(Unit{Name: "idle", Run: func(ctx context.Context) error {
		fmt.Fprintln(stdout, "up", args)
		<-ctx.Done()
		fmt.Fprintln(stdout, "stopping")
		if len(args) > 0 && args[0] == "hang" {
			<-make(chan struct{})
		}
		return ctx.Err()
	}})
	if err := g.Run(ctx); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// The test binary is the program here: signals are of the process.
func TestMain(m *testing.M) {
	if args, ok := os.LookupEnv("HOTLINE_TEST_MAIN"); ok {
		os.Args = append([]string{"idle"}, strings.Fields(args)...)
		Main(idle)
	}
	os.Exit(m.Run())
}

func spawn(t *testing.T, args string) (*exec.Cmd, *output) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	cmd, out := exec.CommandContext(ctx, os.Args[0]), &output{}
	cmd.Env = append(os.Environ(), "HOTLINE_TEST_MAIN="+args)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return strings.Contains(out.String(), "up ["+args+"]") })
	return cmd, out
}

func TestSignalEndsTheProcess(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		cmd, out := spawn(t, "")
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "stopping") {
			t.Errorf("%v: %v\n%s", sig, err, out)
		}
	}
}

func TestSecondSignalDoesNotWait(t *testing.T) {
	cmd, out := spawn(t, "hang")
	from := time.Now()
	for _, before := range []string{"up", "stopping"} {
		await(t, func() bool { return strings.Contains(out.String(), before) })
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	err := cmd.Wait()
	if err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM || time.Since(from) > DefaultStop {
		t.Errorf("after %v: %v\n%s", time.Since(from), err, out)
	}
}

func TestVersion(t *testing.T) {
	if Version() == "" {
		t.Error("the build has no name")
	}
}
