package eventlog

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/hotline-desk/hotline/pkg/view"
)

// DeskSource is DESK for projections, restricted to aggregates of the given kinds; none means all.
func (l *Log) DeskSource(kinds ...string) view.Source {
	filters := make([]string, len(kinds))
	for i, kind := range kinds {
		filters[i] = "desk." + kind + ".>"
	}
	return source{log: l, stream: streamDesk, filters: filters}
}

// OutboxSource is OUTBOX for projections, without broadcasts.
func (l *Log) OutboxSource() view.Source {
	return source{log: l, stream: streamOutbox, filters: []string{"out.*.*"}}
}

type source struct {
	log     *Log
	stream  string
	filters []string
}

// Read implements view.Source.
func (s source) Read(ctx context.Context, from uint64, each func(view.Record) error, caught func()) error {
	incarnation := s.log.incarnation(s.stream)
	return s.log.read(ctx, reading{stream: s.stream, filters: s.filters, from: from, caught: caught,
		each: func(r record) error {
			return each(view.Record{
				Stream: s.stream, Incarnation: incarnation, Seq: r.seq, Subject: r.subject, Time: r.time, Data: r.data,
			})
		}})
}

// Info implements view.Source.
func (s source) Info(ctx context.Context) (stream, incarnation string, last uint64, err error) {
	attempt, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	handle, err := s.log.js.Stream(attempt, s.stream)
	if err != nil {
		return "", "", 0, translated(ctx, err)
	}
	info := handle.CachedInfo()
	return s.stream, born(info), info.State.LastSeq, nil
}

func (l *Log) incarnation(stream string) string { return born(l.streams[stream].CachedInfo()) }

func born(info *jetstream.StreamInfo) string { return info.Created.UTC().Format(time.RFC3339Nano) }
