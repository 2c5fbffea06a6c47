package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// process is one command under test.
type process struct {
	name   string
	listen string // of its health endpoint
	cmd    *exec.Cmd
	log    *os.File
	done   chan struct{}
	err    error
}

// spawn starts a command with its output in a file. It is killed at the end of the test, whatever happens.
func spawn(t *testing.T, name, listen, logfile string, args, env []string) *process {
	t.Helper()
	out, err := os.OpenFile(logfile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{name: name, listen: listen, log: out, done: make(chan struct{})}
	p.cmd = exec.Command(binary(t, strings.TrimRight(name, "23")), args...)
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TMPDIR=" + os.TempDir()}, env...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		_ = out.Close()
		close(p.done)
	}()
	t.Cleanup(p.kill)
	return p
}

// kill ends the process as a power cut would, and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // an error means that it has ended already
	<-p.done
}

// stop asks the process to end and returns its exit code.
func (p *process) stop(limit time.Duration) (int, error) {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return 0, err
	}
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-time.After(limit):
		return 0, fmt.Errorf("%s still runs %v after SIGTERM", p.name, limit)
	}
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// get fetches a page of the process's health endpoint.
func (p *process) get(ctx context.Context, path string) (int, string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.listen+path, nil)
	if err != nil {
		return 0, "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
	return res.StatusCode, string(body), err
}

// counts sums up the series of a metric, over all its labels; 0 when the process does not answer.
func (p *process) counts(t *testing.T, metric string) float64 {
	t.Helper()
	_, page, err := p.get(t.Context(), "/metrics")
	if err != nil {
		return 0
	}
	sum := 0.0
	for line := range strings.Lines(page) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "} ")
		if !ok || !strings.HasPrefix(name, metric+"{") {
			continue
		}
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			sum += n
		}
	}
	return sum
}

// busy tells whether the process has called Telegram.
func (p *process) busy(t *testing.T) bool { return p.counts(t, "hotline_relay_calls_total") > 0 }

// Ports below the range from which systems pick those of outgoing connections: a process that is down for a moment finds
// its own free again.
const firstPort, ports = 12_000, 18_000

var nextPort = func() *atomic.Int64 {
	var n atomic.Int64
	n.Store(rand.Int64N(ports)) // two runs at a time are unlikely to meet
	return &n
}()

// freeAddr returns a loopback address of its own, nobody listening on it.
func freeAddr(t *testing.T) string {
	t.Helper()
	for range ports {
		addr := fmt.Sprintf("127.0.0.1:%d", firstPort+nextPort.Add(1)%ports)
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return addr
	}
	t.Fatal("no free port")
	return ""
}

// eventually polls until the condition holds. why is asked for what was seen last when it never does.
func eventually(t *testing.T, limit time.Duration, what string, cond func() bool, why ...func() string) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline.C:
			seen := ""
			for _, w := range why {
				seen += "\n" + w()
			}
			t.Fatalf("%s: not within %v%s", what, limit, seen)
		}
	}
}
