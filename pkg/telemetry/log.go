package telemetry

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/term"

	"github.com/hotline-desk/hotline/pkg/seal"
)

// minSecret keeps a short "secret" from blanking half of every line.
const minSecret = 8

// NewLogger writes to w from level (empty = info) up: JSON, one object per line, or a
// readable form when w is a terminal. Bot tokens and the given secrets are redacted
// from the finished line, so no field, error or stack can carry them past. A level that
// is not known is an error.
func NewLogger(w io.Writer, level string, secrets ...string) (*zap.Logger, error) {
	if w == nil {
		return nil, fmt.Errorf("log: no output")
	}
	lvl := zapcore.InfoLevel
	if level != "" {
		var err error
		if lvl, err = zapcore.ParseLevel(level); err != nil {
			return nil, fmt.Errorf("log: %w", err)
		}
	}
	sink := zapcore.Lock(&redactor{out: w, replace: replacer(secrets)})
	core := zapcore.NewCore(encoder(isTerminal(w)), sink, lvl)
	return zap.New(core, zap.ErrorOutput(sink), zap.AddStacktrace(zapcore.DPanicLevel)), nil
}

func encoder(console bool) zapcore.Encoder {
	c := zap.NewProductionEncoderConfig()
	c.TimeKey = "time"
	c.NameKey = "component"
	c.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	c.EncodeDuration = zapcore.StringDurationEncoder
	if !console {
		return zapcore.NewJSONEncoder(c)
	}
	c.EncodeTime = func(t time.Time, e zapcore.PrimitiveArrayEncoder) { e.AppendString(t.Format("15:04:05.000")) }
	c.EncodeLevel = zapcore.CapitalColorLevelEncoder
	return zapcore.NewConsoleEncoder(c)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// redactor gets whole encoded lines, one per Write, from zap's core.
type redactor struct {
	out     io.Writer
	replace *strings.Replacer
}

// Write redacts line and writes it. It reports the length it was given, as io.Writer asks.
func (r *redactor) Write(line []byte) (int, error) {
	clean := seal.Redact(r.replace.Replace(string(line)))
	if _, err := io.WriteString(r.out, clean); err != nil {
		return 0, fmt.Errorf("write log: %w", err)
	}
	return len(line), nil
}

// Sync passes the flush on, where there is something to flush.
func (r *redactor) Sync() error {
	if s, ok := r.out.(zapcore.WriteSyncer); ok {
		return s.Sync()
	}
	return nil
}

// replacer finds secrets as they are and as JSON strings spell them, with and without the
// escapes for HTML.
func replacer(secrets []string) *strings.Replacer {
	var pairs []string
	for _, s := range secrets {
		if len(s) < minSecret {
			continue
		}
		pairs = append(pairs, s, "***")
		for _, html := range []bool{false, true} {
			var quoted strings.Builder
			enc := json.NewEncoder(&quoted)
			enc.SetEscapeHTML(html)
			if enc.Encode(s) == nil { // a string always encodes
				inner := strings.TrimSuffix(quoted.String(), "\n")
				pairs = append(pairs, inner[1:len(inner)-1], "***")
			}
		}
	}
	return strings.NewReplacer(pairs...)
}
