package eventlog

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// A replay ends at the tail even if the messages there are deleted while it is under way.
func TestReplayEndsWhenItsTailIsDeleted(t *testing.T) {
	l := newNode(t).open()
	const all = readAhead + 1
	var last uint64
	for i := range all {
		ack, err := l.js.Publish(t.Context(), "parked.1.c_1.42", []byte{byte(i)})
		if err != nil {
			t.Fatal(err)
		}
		last = ack.Sequence
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	seen := 0
	err := l.replay(ctx, streamParked, "parked.>", 1, func(record) error {
		if seen++; seen == 1 { // the last one is beyond what is read ahead: it has not been delivered yet
			return l.streams[streamParked].DeleteMsg(ctx, last)
		}
		return nil
	})
	if err != nil || seen != all-1 {
		t.Errorf("saw %d of %d: %v", seen, all-1, err)
	}
}

// Deliveries to a replay get lost though its connection holds: it begins anew behind the last one it got, and ends.
func TestReplayMissesWhatWasLost(t *testing.T) {
	c := startCluster(t, 1)
	witness := openOn(t, c.conn(0), 1)
	const all = readAhead + readAhead/4
	for i := range all {
		if _, err := witness.js.Publish(t.Context(), "parked.1.c_1.42", []byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	proxy := newDeafProxy(t, c.node[0].Addr().String())
	nc, err := nats.Connect("nats://"+proxy.listener.Addr().String(), nats.IgnoreDiscoveredServers())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	l := openOn(t, nc, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	next, before := uint64(1), nc.Stats().InMsgs
	err = l.replay(ctx, streamParked, "parked.>", 1, func(r record) error {
		if r.seq != next {
			t.Errorf("%d follows %d", r.seq, next-1)
		}
		switch next++; r.seq {
		case 1: // the first batch is here, and the next one has not been asked for
			eventually(t, "the first batch", func() bool { return delivered(t, witness, streamParked) == readAhead })
			eventually(t, "its arrival", func() bool { return nc.Stats().InMsgs > before+readAhead }) // and that there is a consumer
			proxy.deaf.Store(true)
		case readAhead:
			eventually(t, "the second batch on its way", func() bool { return delivered(t, witness, streamParked) == all })
			proxy.deaf.Store(false)
		}
		return nil
	})
	if err != nil || next != all+1 {
		t.Errorf("saw %d of %d: %v", next-1, all, err)
	}
}

// delivered is how much the consumers of a stream have delivered.
func delivered(t *testing.T, l *Log, stream string) (n uint64) {
	list := l.streams[stream].ListConsumers(t.Context())
	for info := range list.Info() {
		n += info.Delivered.Consumer
	}
	if list.Err() != nil {
		t.Log(list.Err())
	}
	return n
}
