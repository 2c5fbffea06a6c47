package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	readyPoll = 2 * time.Millisecond
	stopLimit = 20 * time.Second
)

// desk is the process under load.
type desk struct {
	cmd    *exec.Cmd
	listen string
	log    *os.File
	ended  chan error
	Ready  time.Duration // from the start of the process to 200 of /readyz
}

// startDesk starts `hotline up` and returns when it is ready.
func startDesk(ctx context.Context, o Options, env []string) (*desk, error) {
	listen, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(o.Data, "bench.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log of the desk: %w", err)
	}
	d := &desk{cmd: exec.Command(o.Program, "up"), listen: listen, log: log, ended: make(chan error, 1)}
	d.cmd.Env = append(withoutSettings(os.Environ()), append(env, "HOTLINE_LISTEN="+listen, "HOTLINE_GRPC_LISTEN=127.0.0.1:0")...)
	d.cmd.Stdout, d.cmd.Stderr = log, log
	d.cmd.SysProcAttr = childAttributes()
	begin := time.Now()
	if err := d.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the desk: %w", err), log.Close())
	}
	go func() { d.ended <- d.cmd.Wait() }()
	if err := d.awaitReady(ctx, o.StartLimit); err != nil {
		return nil, errors.Join(fmt.Errorf("%w; the desk's log is %s", err, log.Name()), d.kill())
	}
	d.Ready = time.Since(begin)
	return d, nil
}

// withoutSettings keeps the settings of a real desk away from the one that is measured.
func withoutSettings(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(pair string) bool {
		return strings.HasPrefix(pair, "HOTLINE_") && !strings.HasPrefix(pair, "HOTLINE_TEST_")
	})
}

func (d *desk) awaitReady(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		select {
		case err := <-d.ended:
			d.ended <- err
			return fmt.Errorf("the desk ended: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("the desk is not ready: %w", ctx.Err())
		case <-tick.C:
		}
		if res, err := d.get(ctx, "/readyz"); err == nil {
			_ = res.Body.Close() // nothing was read from it
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
	}
}

func (d *desk) get(ctx context.Context, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.listen+path, nil)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(req)
}

// stop asks the desk to end; anything but exit 0 in time is an error.
func (d *desk) stop() error {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return errors.Join(fmt.Errorf("stop the desk: %w", err), d.kill())
	}
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	select {
	case err := <-d.ended:
		if err != nil {
			err = fmt.Errorf("the desk's end: %w", err)
		}
		return errors.Join(err, d.log.Close())
	case <-limit.C:
		return errors.Join(fmt.Errorf("the desk does not end within %v", stopLimit), d.kill())
	}
}

func (d *desk) kill() error {
	err := d.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	<-d.ended
	return errors.Join(err, d.log.Close())
}

// memory returns what the kernel says of the process: now, and at most so far, in bytes.
func (d *desk) memory() (now, peak int64, err error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		return 0, 0, fmt.Errorf("memory of the desk: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		kib, parseErr := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch {
		case parseErr != nil:
		case name == "VmRSS":
			now = kib << 10
		case name == "VmHWM":
			peak = kib << 10
		}
	}
	return now, peak, lines.Err()
}

// freeAddress returns a loopback address on which nobody listened a moment ago.
func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}
