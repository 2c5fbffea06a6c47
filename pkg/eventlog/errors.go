package eventlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/hotline-desk/hotline/pkg/es"
)

const (
	codeWrongLast         = jetstream.JSErrCodeStreamWrongLastSequence         // 10071
	codeWrongLastConstant = jetstream.JSErrCodeStreamWrongLastSequenceConstant // 10164: another append is in flight
)

// impossible tells whether a stream can never be made as asked, as opposed to a cluster that is not complete yet.
func impossible(err error) bool {
	const invalidConfig, notClustered = jetstream.ErrorCode(10052), jetstream.ErrorCode(10074)
	return errors.Is(err, ErrStream) || code(err) == invalidConfig || code(err) == notClustered
}

// code is the JetStream error code in err, 0 when there is none.
func code(err error) jetstream.ErrorCode {
	var js jetstream.JetStreamError
	if errors.As(err, &js) && js.APIError() != nil {
		return js.APIError().ErrorCode
	}
	return 0
}

// rejected tells whether err is the stream's refusal of a condition: nothing was written by this attempt.
func rejected(err error) bool {
	c := code(err)
	return c == codeWrongLast || c == codeWrongLastConstant
}

// final tells whether asking again is pointless: the stream understood the request and will never take it.
func final(err error) bool {
	if errors.Is(err, nats.ErrMaxPayload) {
		return true
	}
	var js jetstream.JetStreamError
	if !errors.As(err, &js) || js.APIError() == nil {
		return false
	}
	return js.APIError().Code == 400 && !rejected(err) && code(err) != jetstream.JSErrCodeMaximumConsumersLimit
}

// translated turns an error of a read or of a management request into one of the kernel's. A context that ended on the
// caller's side stays what it is.
func translated(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return es.ErrNotFound
	case ctx.Err() != nil:
		return ctx.Err()
	case final(err):
		return err
	default:
		return fmt.Errorf("%w: %w", es.ErrUnavailable, err)
	}
}
