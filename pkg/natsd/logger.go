package natsd

import (
	"errors"
	"fmt"
	"net/url"
	"sync/atomic"

	"go.uber.org/zap"
)

// logger hands the server's lines to zap. The server's notices are everyday matters and become debug lines; a fatal
// error must not end the process, so it is kept for Start to return.
type logger struct {
	log   *zap.SugaredLogger
	fatal atomic.Pointer[string]
}

func (l *logger) Noticef(format string, v ...any) { l.log.Debugf(format, v...) }
func (l *logger) Warnf(format string, v ...any)   { l.log.Warnf(format, v...) }
func (l *logger) Errorf(format string, v ...any)  { l.log.Errorf(format, v...) }
func (l *logger) Debugf(format string, v ...any)  { l.log.Debugf(format, v...) }

// Tracef is never asked for, and would carry payloads.
func (l *logger) Tracef(string, ...any) {}

func (l *logger) Fatalf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.fatal.CompareAndSwap(nil, &text)
	l.log.Error(text)
}

// masked strips the address from errors that quote it, for it may hold a password.
func masked(err error) error {
	var bad *url.Error
	if errors.As(err, &bad) {
		return bad.Err
	}
	return err
}
