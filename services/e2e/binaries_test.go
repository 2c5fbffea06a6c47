package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
)

// products are the commands under test, by the name of their binary.
var products = map[string]string{
	"hotline": "github.com/hotline-desk/hotline/services/hotline/cmd/hotline",
	"setup":   "github.com/hotline-desk/hotline/services/setup/cmd/setup",
	"ingress": "github.com/hotline-desk/hotline/services/ingress/cmd/ingress",
	"dialog":  "github.com/hotline-desk/hotline/services/dialog/cmd/dialog",
	"relay":   "github.com/hotline-desk/hotline/services/relay/cmd/relay",
}

// The log server of the split deployment, of the version that go.mod pins.
const natsServer = "github.com/nats-io/nats-server/v2"

var binaries struct {
	once sync.Once
	dir  string
	err  error
}

// binary returns the path of a built command; all are built once a test run, with the crash hook compiled in.
func binary(t *testing.T, name string) string {
	t.Helper()
	binaries.once.Do(func() { binaries.dir, binaries.err = build() })
	if binaries.err != nil {
		t.Fatalf("build the commands under test: %v", binaries.err)
	}
	return filepath.Join(binaries.dir, name)
}

func build() (string, error) {
	dir, err := os.MkdirTemp("", "hotline-e2e-")
	if err != nil {
		return "", err
	}
	args := []string{"build", "-tags", "crashtest", "-o", dir + string(os.PathSeparator)}
	if raceEnabled {
		args = append(args, "-race")
	}
	for _, pkg := range products {
		args = append(args, pkg)
	}
	for _, args := range [][]string{args, {"build", "-o", filepath.Join(dir, "nats-server"), natsServer}} {
		if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
			return dir, fmt.Errorf("go %v: %w\n%s", args, err, out)
		}
	}
	return dir, nil
}

// How many scenarios run per processor: they wait for disks, leases and timers most of the time, within limits nearly
// always.
const (
	working = 2
	waiting = 5
)

var slots = struct{ working, waiting chan struct{} }{
	make(chan struct{}, working*runtime.GOMAXPROCS(0)), make(chan struct{}, waiting*runtime.GOMAXPROCS(0)),
}

// takeSlot waits until a scenario of this kind may start, and lets another one start when the test ends.
func takeSlot(t *testing.T, how deployment) {
	free := slots.working
	if how.limits {
		free = slots.waiting
	}
	free <- struct{}{}
	t.Cleanup(func() { <-free })
}

func TestMain(m *testing.M) {
	flag.Parse()
	parallel := flag.Lookup("test.parallel")
	if parallel.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) { // nobody chose otherwise
		if err := parallel.Value.Set(strconv.Itoa((working + waiting) * runtime.GOMAXPROCS(0))); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	if binaries.dir != "" {
		_ = os.RemoveAll(binaries.dir) // best effort: it lies in the system's temporary folder
	}
	os.Exit(code)
}
