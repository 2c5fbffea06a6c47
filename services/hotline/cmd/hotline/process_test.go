package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hotline-desk/hotline/pkg/host"
	"github.com/hotline-desk/hotline/pkg/run"
	"github.com/hotline-desk/hotline/services/hotline/bench"
)

// asCommand in the environment makes this test binary the hotline command.
const asCommand = "HOTLINE_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		run.Main(execute)
	}
	goleak.VerifyTestMain(m)
}

func TestBenchMeasures(t *testing.T) {
	t.Setenv(asCommand, "1")
	t.Setenv("TMPDIR", t.TempDir())
	code, stdout, stderr := hotlineRun(t, nil, "bench", "--messages", "40", "--customers", "4", "--rate", "100", "--answers", "0.5", "--durability", "interval", "--json")
	if code != host.ExitOK {
		t.Fatalf("code %d: %s", code, stderr)
	}
	var r bench.Report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("%v in %s", err, stdout)
	}
	if r.Sent != 40 || r.Copied != 40 || r.Lost != 0 || r.Duplicates != 0 || r.Answers != 20 || r.AnswersCopied != 20 || len(r.Violations) != 0 {
		t.Errorf("deliveries: %+v", r.LoadResult)
	}
	if r.Handed.N != 40 || r.Handed.P50 <= 0 || r.Handed.P99 < r.Handed.P50 || r.Handed.Max < r.Handed.P99 || r.PerSecond <= 0 {
		t.Errorf("figures: %+v", r.LoadResult)
	}
	if r.Appends["INBOX"] < 1 || r.Appends["DESK"] < 1 || r.Appends["OUTBOX"] <= 0 || r.AppendsPerMessage < 3 {
		t.Errorf("appends: %v of %v", r.AppendsPerMessage, r.Appends)
	}
	if r.StartColdMS <= 0 || r.StartWarmMS <= 0 || r.IdleBytes < 1<<20 || r.PeakBytes < r.IdleBytes || r.CPUSeconds <= 0 {
		t.Errorf("process: %+v", r)
	}
	if r.Durability != "interval" || r.Rate != 100 || r.Version == "" || r.Machine == "" {
		t.Errorf("labels: %+v", r)
	}
}

// TestSignalsEndTheCommands runs a simulator and a desk on it as processes, and ends both as a supervisor would.
func TestSignalsEndTheCommands(t *testing.T) {
	telegram := command(t, nil, "simulator", "--listen", "127.0.0.1:0")
	env := telegram.lines(t, "export HOTLINE_OWNER=")
	desk := command(t, append(env, "HOTLINE_DATA="+t.TempDir(), "HOTLINE_LISTEN=127.0.0.1:0", "HOTLINE_GRPC_LISTEN=127.0.0.1:0",
		"HOTLINE_DURABILITY=interval"), "up")
	desk.lines(t, "Ready: customers write to @")
	for _, want := range []string{"Hotline ", "durability is interval: a power cut", "look at  http://127.0.0.1:", `the team answers in "Support team"`} {
		if !strings.Contains(desk.said, want) {
			t.Errorf("the start does not say %q:\n%s", want, desk.said)
		}
	}
	for _, p := range []*child{desk, telegram} {
		if code := p.stop(t); code != 0 {
			t.Errorf("%v ended with %d:\n%s", p.cmd.Args, code, p.stderr.String())
		}
	}
}

// child is a command in a process of its own.
type child struct {
	cmd    *exec.Cmd
	stdout *bufio.Scanner
	stderr bytes.Buffer
	said   string
}

func command(t *testing.T, env []string, args ...string) *child {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	c := &child{cmd: exec.CommandContext(ctx, os.Args[0], args...)}
	c.cmd.Env = append(env, asCommand+"=1", "PATH="+os.Getenv("PATH"))
	c.cmd.Stderr = &c.stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.stdout = bufio.NewScanner(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// lines reads until a line begins with last, and returns the settings that were exported on the way.
func (c *child) lines(t *testing.T, last string) (settings []string) {
	t.Helper()
	for c.stdout.Scan() {
		line := c.stdout.Text()
		c.said += line + "\n"
		if setting, ok := strings.CutPrefix(line, "export "); ok {
			settings = append(settings, setting)
		}
		if strings.HasPrefix(line, last) {
			return settings
		}
	}
	t.Fatalf("%v never says %q:\n%s%s", c.cmd.Args, last, c.said, c.stderr.String())
	return nil
}

// stop sends SIGTERM and returns the exit code.
func (c *child) stop(t *testing.T) int {
	t.Helper()
	begin := time.Now()
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for c.stdout.Scan() { // the pipe has to be read to its end before Wait
		c.said += c.stdout.Text() + "\n"
	}
	_ = c.cmd.Wait() // the exit code says it
	if took := time.Since(begin); took > 15*time.Second {
		t.Errorf("%v took %v to end", c.cmd.Args, took)
	}
	return c.cmd.ProcessState.ExitCode()
}
