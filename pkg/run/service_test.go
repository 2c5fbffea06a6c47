package run

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hotline-desk/hotline/pkg/config"
)

const token = "123456789:AAEhBP0av28fTnQ7bLwKjq9Yb3Zx5cVd1mN"

// output may be read while it is written.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func flags(t *testing.T, more ...string) []string {
	return append([]string{"--data", filepath.Join(t.TempDir(), "data"), "--listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0"}, more...)
}

func TestServiceLife(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	var out, errs output
	var closed atomic.Bool
	addr := make(chan string, 1)
	wire := func(ctx context.Context, p *Process) error {
		if _, err := p.Sealer(); err != nil {
			return err
		}
		p.Group.AddCloser("log", func(context.Context) error { closed.Store(true); return nil })
		if _, err := p.ServeGRPC(); err != nil {
			return err
		}
		p.Group.Add(Unit{Name: "dialog", Run: func(ctx context.Context) error {
			addr <- p.Ops.Addr()
			p.Log.Info("token " + token)
			<-ctx.Done()
			return ctx.Err()
		}})
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() {
		code <- Service("dialog", config.NeedBot, wire)(ctx, flags(t, "--bot-token", token, "--group", "-1001234567890"), &out, &errs)
	}()
	base := "http://" + <-addr
	await(t, func() bool { code, _ := get(t, base+"/readyz"); return code == 200 })
	if _, body := get(t, base+"/readyz"); !strings.Contains(body, `"dialog"`) || !strings.Contains(body, `"grpc"`) {
		t.Errorf("readyz does not list the units: %s", body)
	}
	cancel()
	if got := <-code; got != ExitOK || !closed.Load() {
		t.Errorf("exit %d, closed %v\n%s", got, closed.Load(), errs.String())
	}
	if strings.Contains(errs.String(), token[10:]) || !strings.Contains(errs.String(), "token ***") {
		t.Errorf("log: %s", errs.String())
	}
}

func TestServiceExits(t *testing.T) {
	nothing := func(context.Context, *Process) error { return nil }
	for name, tc := range map[string]struct {
		wire   Wire
		args   []string
		code   int
		stdout string
		stderr string
	}{
		"help":         {nothing, []string{"--help"}, ExitOK, "--bot-token-file", ""},
		"version":      {nothing, []string{"--version"}, ExitOK, "dialog ", ""},
		"unknown flag": {nothing, []string{"--grp=1"}, ExitUsage, "", "dialog: unknown flag: --grp"},
		"argument":     {nothing, []string{"up"}, ExitUsage, "", `dialog: "up"`},
		"fault":        {nothing, flags(t), ExitUsage, "", "dialog: HOTLINE_NATS_URL: is not set"},
		"wiring":       {func(context.Context, *Process) error { return errors.New("no server at bot" + token) }, flags(t, "--nats-url=nats://h:1"), ExitFailed, "", "dialog: no server at bot123456789:***\n"},
		"running": {func(_ context.Context, p *Process) error {
			p.Group.Add(Unit{Name: "bad", Run: func(context.Context) error { return errors.New("boom") }})
			return nil
		}, flags(t, "--nats-url=nats://h:1"), ExitFailed, "", "dialog: bad: boom\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs output
			code := Service("dialog", config.NeedNATS, tc.wire)(t.Context(), tc.args, &out, &errs)
			if code != tc.code || !strings.Contains(out.String(), tc.stdout) || !strings.Contains(errs.String(), tc.stderr) {
				t.Errorf("exit %d\n%s\n%s", code, out.String(), errs.String())
			}
			if strings.Contains(errs.String(), token[10:]) {
				t.Errorf("shows the token: %s", errs.String())
			}
		})
	}
}

// What was taken before wiring failed can be taken again.
func TestServiceGivesUpAfterFailedWiring(t *testing.T) {
	var errs output
	args, closed, listen := flags(t, "--nats-url=nats://h:1"), false, ""
	wire := func(_ context.Context, p *Process) error {
		p.Group.AddCloser("log", func(context.Context) error { closed = true; return nil })
		g, err := p.ServeGRPC()
		if err != nil {
			return err
		}
		listen = g.Addr()
		return errors.New("half way")
	}
	for range 2 {
		closed = false
		if code := Service("dialog", config.NeedNATS, wire)(t.Context(), args, &errs, &errs); code != ExitFailed || !closed {
			t.Fatalf("exit %d, closed %v: %s", code, closed, errs.String())
		}
	}
	if strings.Contains(errs.String(), "in use") {
		t.Errorf("the data directory stayed locked: %s", errs.String())
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		t.Fatalf("the address is still taken: %v", err)
	}
	l.Close()
}

// The process itself: SIGTERM ends it with 0, and so does a signal while it starts.
func TestMainEndsOnSignal(t *testing.T) {
	if os.Getenv("HOTLINE_TEST_MAIN") != "" {
		wire := func(_ context.Context, p *Process) error {
			p.Group.Add(Unit{Name: "idle", Run: func(ctx context.Context) error { <-ctx.Done(); return nil }})
			return nil
		}
		os.Args = append([]string{"idle"}, strings.Split(os.Getenv("HOTLINE_TEST_MAIN"), "\n")...)
		Main(Service("idle", 0, wire))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var errs output
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestMainEndsOnSignal$")
	cmd.Env = append(os.Environ(), "HOTLINE_TEST_MAIN="+strings.Join(flags(t), "\n"))
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return strings.Contains(errs.String(), `"starting"`) })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, errs.String())
	}
}
