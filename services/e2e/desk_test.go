package e2e

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// deployment is a way to run the desk.
type deployment struct {
	split  bool // a process for each service, around a log server
	limits bool // on a Telegram that sets limits, which the desk keeps
}

var (
	allInOne = deployment{}
	split    = deployment{split: true}
)

func (how deployment) String() string {
	name := "all-in-one"
	if how.split {
		name = "split"
	}
	if how.limits {
		name += " within limits"
	}
	return name
}

// many is how many of something a scenario has; few within limits, for a group takes twenty messages a minute.
func (how deployment) many(without, within int) int {
	if how.limits {
		return within
	}
	return without
}

// within is the same way to run the desk, on a Telegram that sets limits.
func (how deployment) within() deployment {
	how.limits = true
	return how
}

const (
	readyWithin = 60 * time.Second // race-built binaries on a busy machine
	stopWithin  = 15 * time.Second
)

// desk is a running desk: one process, or one a service around a log server.
type desk struct {
	how       deployment
	more      []string // further processes of services, such as "relay2"
	dir       string
	env       []string
	extra     map[string][]string // by service
	seal      string
	natsAddr  string
	addrs     map[string]string // listen address by service
	grpc      map[string]string
	processes []*process
	metrics   []string // what /metrics said before each stop
}

// newDesk prepares a desk in a fresh directory, with more processes of its services when it is split; env holds the connection's settings, as an owner would write them.
func newDesk(t *testing.T, how deployment, more []string, env ...string) *desk {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails, by its documentation
	d := &desk{
		how: how, more: more, dir: t.TempDir(), env: env, seal: base64.StdEncoding.EncodeToString(key),
		natsAddr: freeAddr(t), addrs: map[string]string{}, grpc: map[string]string{}, extra: map[string][]string{},
	}
	for _, service := range d.services() {
		d.addrs[service], d.grpc[service] = freeAddr(t), freeAddr(t)
	}
	t.Cleanup(func() {
		if t.Failed() {
			d.dumpLogs(t)
			d.keep(t)
		}
	})
	return d
}

func (d *desk) services() []string {
	if !d.how.split {
		return []string{"hotline"}
	}
	return append([]string{"setup", "relay", "dialog", "ingress"}, d.more...)
}

// listen is where the service answers that receives webhooks.
func (d *desk) listen() string {
	if !d.how.split {
		return d.addrs["hotline"]
	}
	return d.addrs["ingress"]
}

// launch starts the processes and does not wait.
func (d *desk) launch(t *testing.T) {
	t.Helper()
	d.processes = nil
	if d.how.split {
		d.processes = append(d.processes, d.launchNATS(t))
	}
	for _, service := range d.services() {
		d.processes = append(d.processes, d.launchService(t, service))
	}
}

func (d *desk) launchService(t *testing.T, service string) *process {
	t.Helper()
	env := append([]string{
		"HOTLINE_DATA=" + filepath.Join(d.dir, service),
		"HOTLINE_LISTEN=" + d.addrs[service],
		"HOTLINE_GRPC_LISTEN=" + d.grpc[service],
		"HOTLINE_SEAL_KEY=" + d.seal,
		"HOTLINE_LOG_LEVEL=debug",
	}, d.env...)
	args := []string{"up"}
	if d.how.split {
		env = append(env, "HOTLINE_NATS_URL=nats://"+d.natsAddr, "HOTLINE_INGRESS_GRPC="+d.grpc["ingress"])
		args = nil
	}
	env = append(env, d.extra[service]...)
	return spawn(t, service, d.addrs[service], filepath.Join(d.dir, service+".log"), args, env)
}

func (d *desk) launchNATS(t *testing.T) *process {
	t.Helper()
	host, port, _ := strings.Cut(d.natsAddr, ":")
	conf := filepath.Join(d.dir, "nats.conf")
	text := fmt.Sprintf("host: %s\nport: %s\njetstream { store_dir: %q, sync_interval: always }\n", host, port, filepath.Join(d.dir, "nats"))
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return spawn(t, "nats-server", "", filepath.Join(d.dir, "nats.log"), []string{"-c", conf}, nil)
}

// start launches the desk and waits until messages flow.
func (d *desk) start(t *testing.T) {
	t.Helper()
	d.launch(t)
	d.ready(t)
}

func (d *desk) ready(t *testing.T) {
	t.Helper()
	last := ""
	eventually(t, readyWithin, "desk ready", func() bool {
		for _, p := range d.processes {
			if p.ended() {
				t.Fatalf("%s ended while starting: %v", p.name, p.err)
			}
			if p.listen == "" {
				continue
			}
			code, body, err := p.get(t.Context(), "/readyz")
			if last = fmt.Sprintf("%s: %d %s %v", p.name, code, body, err); code != http.StatusOK {
				return false
			}
		}
		return true
	}, func() string { return last })
}

// stop ends the desk as an owner would, and expects it to end well.
func (d *desk) stop(t *testing.T) {
	t.Helper()
	d.scrape(t.Context())
	for i := len(d.processes) - 1; i >= 0; i-- {
		p := d.processes[i]
		code, err := p.stop(stopWithin)
		if err != nil {
			t.Fatal(err)
		}
		if code != 0 && p.name != "nats-server" {
			t.Fatalf("%s ended with %d after SIGTERM", p.name, code)
		}
	}
}

// restart starts a service again that has ended.
func (d *desk) restart(t *testing.T, service string) {
	t.Helper()
	for i, p := range d.processes {
		if p.name == service {
			d.processes[i] = d.launchService(t, service)
		}
	}
	d.ready(t)
}

// kill ends everything at once, without a word.
func (d *desk) kill() {
	for _, p := range d.processes {
		p.kill()
	}
}

// process returns the running process of a service; in one process it is always the same.
func (d *desk) process(service string) *process {
	for _, p := range d.processes {
		if p.name == service || p.name == "hotline" {
			return p
		}
	}
	return nil
}

// named is the running process of exactly this name.
func (d *desk) named(name string) *process {
	for _, p := range d.processes {
		if p.name == name {
			return p
		}
	}
	return nil
}

// scrape keeps what the processes say of themselves, for the search for bodies afterwards.
func (d *desk) scrape(ctx context.Context) {
	for _, p := range d.processes {
		if p.listen == "" || p.ended() {
			continue
		}
		for _, page := range []string{"/metrics", "/readyz"} {
			if _, body, err := p.get(ctx, page); err == nil {
				d.metrics = append(d.metrics, body)
			}
		}
	}
}

// keep copies the desk's directory to $HOTLINE_TEST_KEEP, so that what a failed scenario left can be looked into.
func (d *desk) keep(t *testing.T) {
	t.Helper()
	to := os.Getenv("HOTLINE_TEST_KEEP")
	if to == "" {
		return
	}
	d.kill()
	to = filepath.Join(to, strings.ReplaceAll(t.Name(), "/", "_")+time.Now().Format("-150405"))
	if err := os.CopyFS(to, os.DirFS(d.dir)); err != nil {
		t.Log(err)
		return
	}
	t.Logf("kept in %s", to)
}

func (d *desk) dumpLogs(t *testing.T) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(d.dir, "*.log"))
	if err != nil {
		t.Log(err)
	}
	for _, name := range logs {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Log(err)
			continue
		}
		const keep = 6000
		t.Logf("%s (last %d of %d bytes):\n%s", filepath.Base(name), min(keep, len(raw)), len(raw), raw[max(0, len(raw)-keep):])
	}
}
