//go:build !linux

package bench

import "syscall"

// childAttributes has nothing to offer on this system.
func childAttributes() *syscall.SysProcAttr { return nil }
