package natsd

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	reconnectWait = 250 * time.Millisecond
	dialTimeout   = 5 * time.Second
	pingEvery     = 20 * time.Second
)

// common are the options of every connection. Nothing is buffered while disconnected: a message that leaves minutes
// after its sender gave up would be a surprise.
func common(name string) []nats.Option {
	return []nats.Option{
		nats.Name(name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectBufSize(-1),
		nats.PingInterval(pingEvery),
		nats.Timeout(dialTimeout),
	}
}

// Connect connects to an external server or cluster and reconnects for ever. url may list several servers, separated by
// commas; creds is the path of a credentials file, or empty. Before the first connection stands, it waits until ctx
// ends. Neither url nor credentials are part of an error.
func Connect(ctx context.Context, url, creds, name string) (*nats.Conn, error) {
	up := make(chan struct{}, 1)
	opts := append(common(name),
		nats.RetryOnFailedConnect(true),
		nats.ConnectHandler(func(*nats.Conn) { up <- struct{}{} }),
	)
	if creds != "" {
		opts = append(opts, nats.UserCredentials(creds))
	}
	nc, err := nats.Connect(url, opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", masked(err))
	}
	select {
	case <-up:
		return nc, nil
	case <-ctx.Done():
		last := nc.LastError()
		nc.Close()
		if last != nil {
			return nil, fmt.Errorf("connect to NATS: %w (%w)", ctx.Err(), masked(last))
		}
		return nil, fmt.Errorf("connect to NATS: %w", ctx.Err())
	}
}
