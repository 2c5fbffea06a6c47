// Package viewtest holds what tests of projections need: a stream in memory, and the conformance suite that every
// adapter of pkg/view has to pass. It is for tests alone.
package viewtest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/hotline-desk/hotline/pkg/view"
)

// Log is a stream in memory; it is a view.Source. It is safe for concurrent use.
type Log struct {
	stream string

	mu          sync.Mutex
	incarnation int
	records     []view.Record
	grown       chan struct{}
	failure     error
}

var _ view.Source = (*Log)(nil)

// NewLog makes an empty stream.
func NewLog(stream string) *Log { return &Log{stream: stream, grown: make(chan struct{})} }

// Append adds a record and returns its sequence, which begins at 1.
func (l *Log) Append(subject string, data []byte) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	seq := uint64(len(l.records) + 1)
	l.records = append(l.records, view.Record{Stream: l.stream, Incarnation: l.name(), Seq: seq, Subject: subject,
		Time: time.Now(), Data: data})
	l.wake()
	return seq
}

// Recreate empties the stream and gives it a new incarnation; readers see their stream end.
func (l *Log) Recreate() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.incarnation++
	l.records = nil
	l.wake()
}

// Truncate drops the records after last, as a power cut does to a log that was not synced.
func (l *Log) Truncate(last uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = l.records[:last]
	l.wake()
}

// Fail makes Info and Read return err until it is called with nil.
func (l *Log) Fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failure = err
	l.wake()
}

func (l *Log) name() string { return fmt.Sprintf("%s-%d", l.stream, l.incarnation) }

func (l *Log) wake() {
	close(l.grown)
	l.grown = make(chan struct{})
}

// Info implements view.Source.
func (l *Log) Info(context.Context) (stream, incarnation string, last uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stream, l.name(), uint64(len(l.records)), l.failure
}

// Read implements view.Source.
func (l *Log) Read(ctx context.Context, from uint64, each func(view.Record) error, caught func()) error {
	_, incarnation, tail, err := l.Info(ctx)
	if err != nil {
		return err
	}
	told := false
	for next := from; ; {
		if !told && next > tail {
			told = true
			caught()
		}
		l.mu.Lock()
		grown, failure, same := l.grown, l.failure, incarnation == l.name()
		var todo []view.Record
		if next <= uint64(len(l.records)) {
			todo = l.records[next-1:]
			if !told {
				todo = todo[:min(uint64(len(todo)), tail-next+1)]
			}
		}
		l.mu.Unlock()
		if failure != nil {
			return failure
		}
		if !same {
			return fmt.Errorf("stream %s was made anew", l.stream)
		}
		for _, r := range todo {
			if err := each(r); err != nil {
				return err
			}
			next = r.Seq + 1
		}
		if len(todo) > 0 {
			continue
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
