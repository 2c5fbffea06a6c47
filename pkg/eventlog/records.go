package eventlog

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// WatchConnections hands over every connection's record, then each change, until ctx ends or each fails, whose error it
// returns. caught (may be nil) is called once, when all that was there at the start has been handed over.
func (l *Log) WatchConnections(ctx context.Context, each func(*eventv1.ConnectionRecord) error, caught func()) error {
	return l.Bucket(BucketConnections).Watch(ctx, func(key string, value []byte, _ uint64) error {
		if value == nil {
			return nil
		}
		record := &eventv1.ConnectionRecord{}
		if err := proto.Unmarshal(value, record); err != nil {
			return fmt.Errorf("record of %s: %w", key, err)
		}
		return each(record)
	}, caught)
}

// PutConnection writes a connection's record unless the one that is there reflects the same or a later commit.
// es.ErrUnavailable.
func (l *Log) PutConnection(ctx context.Context, record *eventv1.ConnectionRecord) error {
	key, err := keyOf(record.GetConnection())
	if err != nil {
		return err
	}
	value, err := proto.Marshal(record)
	if err != nil {
		return fmt.Errorf("record of %s: %w", key, err)
	}
	bucket := l.Bucket(BucketConnections)
	for {
		former, revision, err := bucket.Get(ctx, key)
		if err != nil && !errors.Is(err, es.ErrNotFound) {
			return err
		}
		have := &eventv1.ConnectionRecord{}
		if err := proto.Unmarshal(former, have); err != nil {
			return fmt.Errorf("record of %s: %w", key, err)
		}
		if revision > 0 && have.GetSeq() >= record.GetSeq() {
			return nil
		}
		if _, err := bucket.Update(ctx, key, value, revision); !errors.Is(err, es.ErrConflict) {
			return err
		}
	}
}

// TopicOf returns the topic of a dialog; es.ErrNotFound, es.ErrUnavailable.
func (l *Log) TopicOf(ctx context.Context, connection, dialog string) (*eventv1.TopicRecord, error) {
	key, err := keyOf(connection, "d", dialog)
	if err != nil {
		return nil, err
	}
	value, _, err := l.Bucket(BucketTopics).Get(ctx, key)
	if err != nil {
		return nil, err
	}
	record := &eventv1.TopicRecord{}
	if err := proto.Unmarshal(value, record); err != nil {
		return nil, fmt.Errorf("topic of %s: %w", key, err)
	}
	return record, nil
}

// DialogOf returns the dialog of a topic; es.ErrNotFound, es.ErrUnavailable.
func (l *Log) DialogOf(ctx context.Context, connection string, thread int64) (string, error) {
	key, err := keyOf(connection, strconv.FormatInt(thread, 10))
	if err != nil {
		return "", err
	}
	value, _, err := l.Bucket(BucketTopics).Get(ctx, key)
	return string(value), err
}

// PutTopic writes which topic a dialog has, findable both ways; first from the topic, so that whoever finds a dialog's
// topic finds the way back. es.ErrUnavailable.
func (l *Log) PutTopic(ctx context.Context, connection, dialog string, rec *eventv1.TopicRecord) error {
	there, err := keyOf(connection, "d", dialog)
	if err != nil {
		return err
	}
	back, err := keyOf(connection, strconv.FormatInt(rec.GetThread(), 10))
	if err != nil {
		return err
	}
	value, err := proto.Marshal(rec)
	if err != nil {
		return fmt.Errorf("topic of %s: %w", there, err)
	}
	bucket := l.Bucket(BucketTopics)
	if _, err := bucket.Put(ctx, back, []byte(dialog)); err != nil {
		return fmt.Errorf("topic of %s: %w", there, err)
	}
	if _, err := bucket.Put(ctx, there, value); err != nil {
		return fmt.Errorf("topic of %s: %w", there, err)
	}
	return nil
}

// DropTopic forgets a topic; if the dialog has another one by now, that stays. es.ErrUnavailable.
func (l *Log) DropTopic(ctx context.Context, connection, dialog string, thread int64) error {
	back, err := keyOf(connection, strconv.FormatInt(thread, 10))
	if err != nil {
		return err
	}
	bucket := l.Bucket(BucketTopics)
	have, err := l.TopicOf(ctx, connection, dialog)
	if err != nil && !errors.Is(err, es.ErrNotFound) {
		return err
	}
	if have != nil && have.GetThread() == thread {
		if err := bucket.Delete(ctx, connection+".d."+dialog); err != nil {
			return err
		}
	}
	return bucket.Delete(ctx, back)
}
