// Package fault owns the few error codes that may cross a service's edge and the
// messages that may be shown to whoever asked.
//
// It refuses detail: an error without a code is Internal, and the text of an Internal
// error is logged where it happened, never sent.
package fault

import (
	"context"
	"errors"
	"fmt"
)

// Code is the kind of an error, as a caller can act on it.
type Code string

// The codes. A caller may repeat Unavailable after a pause and Conflict after reading
// again; the others stay as they are however often they are asked.
const (
	Invalid     Code = "invalid"     // the request itself is wrong
	NotFound    Code = "not_found"   // the thing named does not exist
	Conflict    Code = "conflict"    // somebody else changed it first, or it is already so
	Denied      Code = "denied"      // whoever asks may not
	Unavailable Code = "unavailable" // not now: a dependency is away, or a deadline passed
	Internal    Code = "internal"    // everything else; the detail stays inside
)

// Error is an error with a code and a message that may be shown. The wrapped cause is
// for logs only. Values are immutable and safe for concurrent use.
type Error struct {
	Code Code
	Msg  string

	cause error
}

// New returns an error that may be shown as it stands.
func New(code Code, msg string) *Error {
	return &Error{Code: code, Msg: msg}
}

// Newf is New with a format. It does not wrap: %w is for Wrap.
func Newf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Msg: fmt.Sprintf(format, args...)}
}

// Wrap gives cause a code and a message that may be shown. It returns nil for a nil cause.
func Wrap(code Code, cause error, msg string) error {
	if cause == nil {
		return nil
	}
	return &Error{Code: code, Msg: msg, cause: cause}
}

// Error is the text for logs: code, message and cause.
func (e *Error) Error() string {
	text := string(e.Code)
	if e.Msg != "" {
		text += ": " + e.Msg
	}
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap returns the cause, nil when there is none.
func (e *Error) Unwrap() error { return e.cause }

// Is matches a target *Error of the same code whose message is empty or the same, so
// that a package may declare its sentinels as faults.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && (t.Msg == "" || t.Msg == e.Msg)
}

// As returns the outermost *Error in err's chain.
func As(err error) (*Error, bool) {
	return errors.AsType[*Error](err)
}

// CodeOf returns the code of err: "" for nil, Unavailable for an ended context, Internal
// for an error that carries no code.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := As(err); ok {
		return e.Code
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Unavailable
	}
	return Internal
}

// Is says whether err carries code.
func Is(err error, code Code) bool {
	return err != nil && CodeOf(err) == code
}

// Message returns what may be shown of err: its message, or the bare code when it has
// none or when it is Internal.
func Message(err error) string {
	code := CodeOf(err)
	if e, ok := As(err); ok && e.Msg != "" && code != Internal {
		return e.Msg
	}
	return string(code)
}
