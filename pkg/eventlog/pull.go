package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/telemetry"
)

const (
	ackWait   = 2 * time.Second // a replica that vanishes, as this process does in a crash, holds its message up for this long
	heartbeat = ackWait / 3     // of a message being handled
)

// pull takes messages of a durable consumer, one after the other, until ctx ends. take acknowledges. The consumer is made
// when it is missing and never removed: its position is data.
func (l *Log) pull(ctx context.Context, stream string, cfg jetstream.ConsumerConfig, ahead int, take func(context.Context, jetstream.Msg)) error {
	pause := backoff{low: 50 * time.Millisecond, high: 2 * time.Second}
	for {
		took, err := l.pullOnce(ctx, stream, cfg, ahead, take)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, ErrStream) || l.nc.IsClosed() {
			return fmt.Errorf("consume %s: %w", cfg.Durable, err)
		}
		l.log.Debug("consumer begins anew", zap.String("consumer", cfg.Durable), zap.Error(err))
		if took {
			pause.reset()
		}
		if err := pause.wait(ctx); err != nil {
			return err
		}
	}
}

func (l *Log) pullOnce(ctx context.Context, stream string, cfg jetstream.ConsumerConfig, ahead int, take func(context.Context, jetstream.Msg)) (took bool, err error) {
	consumer, err := l.durable(ctx, stream, cfg)
	if err != nil {
		return false, err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(ahead), jetstream.PullExpiry(readExpiry),
		jetstream.PullHeartbeat(readHeartbeat), jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return false, err
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return took, err
		}
		take(ctx, msg)
		took = true
		if ctx.Err() != nil {
			return took, ctx.Err()
		}
	}
}

// durable makes a durable consumer or binds to the one that is there, if that is equivalent; else ErrStream.
func (l *Log) durable(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	attempt, cancel := context.WithTimeout(ctx, 5*requestTimeout)
	defer cancel()
	consumer, err := l.streams[stream].CreateConsumer(attempt, cfg)
	if code(err) != jetstream.JSErrCodeConsumerExists && code(err) != jetstream.JSErrCodeConsumerNameExists {
		return consumer, err
	}
	consumer, err = l.streams[stream].Consumer(attempt, cfg.Durable)
	if err != nil {
		return nil, err
	}
	have := consumer.CachedInfo().Config
	if have.MaxAckPending != cfg.MaxAckPending || have.AckPolicy != cfg.AckPolicy || len(have.FilterSubjects) != len(cfg.FilterSubjects) {
		return nil, fmt.Errorf("consumer %s was made otherwise: %w", cfg.Durable, ErrStream)
	}
	return consumer, nil
}

// working tells the server now and then that a message is being handled, until the returned function is called.
func (l *Log) working(msg jetstream.Msg) (stop func()) {
	p := &pulse{log: l, msg: msg}
	p.start()
	return p.stop
}

type pulse struct {
	log *Log
	msg jetstream.Msg

	mu    sync.Mutex
	timer *time.Timer
	done  bool
}

func (p *pulse) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.done {
		p.timer = time.AfterFunc(heartbeat, p.beat)
	}
}

func (p *pulse) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = true
	p.timer.Stop()
}

func (p *pulse) beat() {
	if err := p.msg.InProgress(); err != nil {
		p.log.log.Debug("no sign of life sent", zap.Error(err))
	}
	p.start()
}

// ack acknowledges and waits for the server to say that it knows. If that fails, the message comes again, and whoever
// handles it recognises its cause.
func (l *Log) ack(ctx context.Context, msg jetstream.Msg) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := msg.DoubleAck(ctx); err != nil && ctx.Err() == nil {
		l.log.Debug("acknowledgement not confirmed", zap.Error(err))
	}
}

func traced(ctx context.Context, msg jetstream.Msg) context.Context {
	return telemetry.Extract(ctx, telemetry.Carrier(msg.Headers()))
}
