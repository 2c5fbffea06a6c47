package eventlog

import (
	"context"
	"testing"
	"time"
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
