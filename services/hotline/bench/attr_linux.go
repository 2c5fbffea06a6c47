package bench

import "syscall"

// childAttributes let the desk die with the benchmark, however that ends.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
