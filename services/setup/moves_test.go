package setup

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const newGroup = int64(-1009876543210)

func TestGroupThatMovedBeforeTheStartIsFollowed(t *testing.T) {
	first := true
	w := newWorld(t, func(method string) answer {
		if method == "getChat" && first {
			first = false
			return refused(400, "Bad Request: group chat was upgraded to a supergroup chat", `"migrate_to_chat_id":-1009876543210`)
		}
		return healthy()[method]
	})
	w.setUp(configuration(nil))
	if got := w.record().GetConfigured().GetGroup(); got != newGroup {
		t.Errorf("the group is %d", got)
	}
	if w.logs.FilterMessageSnippet("set HOTLINE_GROUP").Len() != 1 {
		t.Error("the owner is not told in the log")
	}
}

func TestGroupThatMovesIsCommitted(t *testing.T) {
	w := newWorld(t, healthyScript)
	w.setUp(configuration(nil))
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	ended := make(chan error, 1)
	s := w.service(configuration(nil))
	go func() { ended <- s.Run(ctx) }()
	key := es.Key{Aggregate: groupAggregate, Connection: s.connection, ID: strconv.FormatInt(testGroup, 10)}
	moved := &eventv1.Event{Body: &eventv1.Event_GroupMigrated{GroupMigrated: &eventv1.GroupMigrated{From: testGroup, To: newGroup}}}
	if _, err := w.log.Store().Append(ctx, key, 0, &eventv1.Commit{Id: "a-move", Version: 1, Events: []*eventv1.Event{moved}}); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for w.record().GetConfigured().GetGroup() != newGroup {
		select {
		case err := <-ended:
			t.Fatalf("ended: %v", err)
		case <-tick.C:
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	w.setUp(configuration(nil)) // with the old id, of which Telegram says nothing this time
	if got := w.record().GetConfigured().GetGroup(); got != newGroup {
		t.Errorf("after a restart the group is %d again", got)
	}
}
