package host_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/hotline-desk/hotline/pkg/eventlog"
	"github.com/hotline-desk/hotline/pkg/host"
	"github.com/hotline-desk/hotline/pkg/run"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

func TestParkedFactsAreListedAndReleased(t *testing.T) {
	dir := t.TempDir()
	h := open(t, settings(t, dir))
	var willing atomic.Bool
	decided := make(chan struct{})
	h.Add(run.Unit{Name: "decider", Run: func(ctx context.Context) error {
		return h.Log.Consume(ctx, eventlog.Consumer{
			Service: "decider",
			ParkKey: func(*eventv1.Fact) string { return "42" },
			Handle: func(context.Context, eventlog.Delivered) error {
				if !willing.Load() {
					return eventlog.Park(errors.New("not of my kind"))
				}
				close(decided)
				return nil
			},
		})
	}})
	start(t, h)
	_, err := h.Log.PublishFact(t.Context(), &eventv1.Fact{
		Connection: "c_1", Cause: &eventv1.Cause{Kind: eventv1.Cause_KIND_MESSAGE, Chat: 42, Message: 1}, At: timestamppb.Now(),
		Body: &eventv1.Fact_CustomerMessage{CustomerMessage: &eventv1.CustomerMessage{Customer: 42, Message: 1}},
	}, "42")
	if err != nil {
		t.Fatal(err)
	}
	var client *host.Client
	var list []host.Parked
	eventually(t, "parked", func() bool {
		if client, err = host.Dial(dir); err != nil {
			return false
		}
		list, err = client.Parked(t.Context(), "c_1")
		return err == nil && len(list) == 1
	})
	p := list[0]
	if p.Connection != "c_1" || p.Key != "42" || p.Service != "decider" || !strings.Contains(p.Reason, "not of my kind") || time.Since(p.At) > time.Minute {
		t.Errorf("parked: %+v", p)
	}
	if others, err := client.Parked(t.Context(), "c_2"); err != nil || len(others) != 0 {
		t.Errorf("of another connection: %v, %v", others, err)
	}
	willing.Store(true)
	if err := client.Release(t.Context(), p.Connection, p.Key); err != nil {
		t.Fatal(err)
	}
	eventually(t, "decided", func() bool {
		select {
		case <-decided:
			return true
		default:
			return false
		}
	})
	eventually(t, "gone from the list", func() bool {
		list, err := client.Parked(t.Context(), "")
		return err == nil && len(list) == 0
	})
}
