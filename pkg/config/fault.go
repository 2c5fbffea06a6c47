package config

import (
	"strings"
	"unicode"

	"github.com/hotline-desk/hotline/pkg/seal"
)

// Fault is one wrong or missing setting, explained.
type Fault struct {
	Setting string // its environment name, and where else the value came from
	Problem string // what is wrong, without any secret
	Remedy  string // what to do
}

// Error is one line: setting, problem, remedy. Bot tokens that were pasted into the wrong
// place are redacted.
func (f Fault) Error() string {
	line := f.Setting + ": " + f.Problem
	if f.Remedy != "" {
		line += "; " + f.Remedy
	}
	return seal.Redact(strings.Map(printable, line))
}

// Faults are all faults found at once. An empty Faults is no error; see Err.
type Faults []Fault

// Error is one line per fault.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Err returns fs as an error, nil when it is empty.
func (fs Faults) Err() error {
	if len(fs) == 0 {
		return nil
	}
	return fs
}

func (fs *Faults) add(setting, problem, remedy string) {
	*fs = append(*fs, Fault{Setting: setting, Problem: problem, Remedy: remedy})
}

// printable keeps a fault on its line.
func printable(r rune) rune {
	if unicode.IsControl(r) {
		return ' '
	}
	return r
}
