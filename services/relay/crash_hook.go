//go:build crashtest

package relay

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// crashPlan reads HOTLINE_TEST_CRASH=<step>[:n] and kills the process without any farewell when that step is reached for
// the n-th time (the first without n).
func crashPlan() func(string) {
	plan := os.Getenv("HOTLINE_TEST_CRASH")
	if plan == "" {
		return func(string) {}
	}
	step, times, _ := strings.Cut(plan, ":")
	n, err := strconv.ParseInt(times, 10, 64)
	if err != nil || n < 1 {
		n = 1
	}
	var left atomic.Int64
	left.Store(n)
	return func(at string) {
		if at == step && left.Add(-1) == 0 {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal arrives
		}
	}
}
