package eventlog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// streakToKnow is how many facts in a row one replica must get before it pays for a list of everything parked, after
// which it needs no look at the log for each fact.
const streakToKnow = 4

// ParkedFact is a fact that waits for being decided.
type ParkedFact struct {
	Seq     uint64 // of PARKED
	Service string
	Key     string // what waits together
	Parked  *eventv1.Parked
}

// Parked lists the parked facts of a connection, "" meaning all, oldest first.
func (l *Log) Parked(ctx context.Context, connection string) ([]ParkedFact, error) {
	filter := "parked.>"
	if connection != "" {
		if err := tokens(connection); err != nil {
			return nil, err
		}
		filter = "parked." + bucketOf(connection) + "." + connection + ".>"
	}
	var all []ParkedFact
	err := l.replay(ctx, streamParked, filter, 1, func(r record) error {
		parked := &eventv1.Parked{}
		if err := proto.Unmarshal(r.data, parked); err != nil {
			return fmt.Errorf("parked fact at %d: %w", r.seq, err)
		}
		parts := strings.Split(r.subject, ".")
		if len(parts) != 5 {
			return fmt.Errorf("parked fact at %d: subject %q", r.seq, r.subject)
		}
		all = append(all, ParkedFact{Seq: r.seq, Service: parts[3], Key: parts[4], Parked: parked})
		return nil
	})
	return all, err
}

// releaseSubject carries wishes to retry; they need not survive anything, since parked facts are retried anyway.
const releaseSubject = "hotline.parked.release"

// Release asks the consumers to retry what is parked under a key of a connection now; "" means all keys, all connections.
func (l *Log) Release(ctx context.Context, connection, key string) error {
	if err := l.nc.Publish(releaseSubject, []byte(connection+"\n"+key)); err != nil {
		return fmt.Errorf("release: %w: %w", es.ErrUnavailable, err)
	}
	attempt, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return translated(ctx, l.nc.FlushWithContext(attempt))
}

// follow notes whether another replica handled facts of this durable in between: then it may have parked some.
func (in *intake) follow(meta *jetstream.MsgMetadata) {
	if meta.Sequence.Consumer == in.last+1 {
		in.streak++
	} else {
		in.streak, in.known = 0, false
	}
	in.last = meta.Sequence.Consumer
}

// waiting tells whether facts are parked under a subject, so that the next one has to wait behind them. Only this durable
// parks under its subjects, one fact at a time, so whoever knew all of them and was alone since needs not ask. It fails
// only when ctx ends.
func (in *intake) waiting(ctx context.Context, subject string) (bool, error) {
	outage := backoff{low: 50 * time.Millisecond, high: 2 * time.Second}
	for {
		waiting, err := in.look(ctx, subject)
		if err == nil {
			return waiting, nil
		}
		if err := outage.wait(ctx); err != nil {
			return false, err
		}
	}
}

func (in *intake) look(ctx context.Context, subject string) (bool, error) {
	if !in.known && in.streak >= streakToKnow {
		if err := in.list(ctx); err != nil {
			return false, err
		}
	}
	if _, maybe := in.parked[subject]; in.known && !maybe {
		return false, nil
	}
	_, err := in.log.last(ctx, streamParked, subject)
	if errors.Is(err, es.ErrNotFound) {
		delete(in.parked, subject)
		return false, nil
	}
	return err == nil, err
}

// list learns every subject of the service with parked facts.
func (in *intake) list(ctx context.Context) error {
	attempt, cancel := context.WithTimeout(ctx, 2*requestTimeout)
	defer cancel()
	info, err := in.log.streams[streamParked].Info(attempt, jetstream.WithSubjectFilter("parked.*.*."+in.c.Service+".>"))
	if err != nil {
		return translated(ctx, err)
	}
	clear(in.parked)
	for subject := range info.State.Subjects {
		in.parked[subject] = struct{}{}
	}
	in.known = true
	return nil
}

// park sets a fact aside. It fails only when ctx ends.
func (in *intake) park(ctx context.Context, subject string, d Delivered, reason string) error {
	data, err := proto.Marshal(&eventv1.Parked{
		Fact: d.Fact, Subject: d.Subject, Sequence: d.Seq, Reason: reason, ParkedAt: timestamppb.Now(),
	})
	if err != nil {
		return err
	}
	msg := message(ctx, subject, in.c.Service+"/"+strconv.FormatUint(d.Seq, 10), data)
	in.parked[subject] = struct{}{}
	outage := backoff{low: 50 * time.Millisecond, high: 2 * time.Second}
	for {
		seq, err := in.log.publishSurely(ctx, msg)
		if err == nil {
			in.keeper.add(subject, seq)
			return nil
		}
		if err := outage.wait(ctx); err != nil {
			return err
		}
	}
}
