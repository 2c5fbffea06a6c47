// Package run owns the life of a process: signals, the order in which components start
// and stop, readiness, the ops HTTP server, the gRPC server, and the data directory with
// its lock.
//
// It refuses to wait for ever: every stop is bounded. It knows components by name only;
// what they do is theirs.
package run

import (
	"context"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// Func is a program: it returns the exit code, and soon after ctx ends.
type Func func(ctx context.Context, args []string, stdout, stderr io.Writer) int

// Main runs f as the process, with the arguments after the program's name. SIGINT and
// SIGTERM end its context; a second one ends the process at once. Main does not return.
func Main(f Func) {
	os.Exit(withSignals(f))
}

func withSignals(f Func) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// From the first signal on the default applies again, so that impatience works.
	defer context.AfterFunc(ctx, stop)()
	return f(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// Version names the build: the module's version, else the commit it was built from, else
// "dev".
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "dev"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "dev-" + s.Value[:12]
		}
	}
	return "dev"
}
