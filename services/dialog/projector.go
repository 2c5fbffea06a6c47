package dialog

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/view"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// deskStream is the stream that min_seq of the lookups counts in.
const deskStream = "DESK"

// schema of the view `dialogs`. Raise the version when what project computes changes.
var schema = view.Schema{
	Name: "dialogs", Version: 1,
	Indexes: []view.Index{
		{"connection", "thread"}, {"connection", "customer"}, {"connection", "last_at"}, {"connection", "status", "last_at"},
	},
}

// document is a dialog as lookups show it. Two streams write it, each its own fields: DESK everything but the thread,
// OUTBOX the thread. So the order in which the two are read leaves no mark. Without an opening it is not shown.
type document struct {
	Connection  string      `json:"connection"`
	ID          string      `json:"id"`
	Customer    int64       `json:"customer"`
	Status      int32       `json:"status"` // 0 until DESK opened it
	Thread      int64       `json:"thread"` // 0 while there is no topic
	MessagesIn  uint64      `json:"messages_in"`
	MessagesOut uint64      `json:"messages_out"`
	Blocked     bool        `json:"blocked"`
	OpenedAt    view.Millis `json:"opened_at"`
	LastAt      view.Millis `json:"last_at"` // of the newest message in either direction
	Seq         uint64      `json:"seq"`     // DESK sequence this reflects
}

func documentID(connection, dialog string) string { return connection + "/" + dialog }

// project applies one record of DESK or of the journal.
func project(ctx context.Context, b *view.Batch[document], r view.Record) error {
	subject := strings.Split(r.Subject, ".")
	switch {
	case len(subject) == 5 && subject[0] == "desk" && subject[1] == Aggregate:
		return projectCommit(ctx, b, r, subject[3], subject[4])
	case len(subject) == 3 && subject[0] == "out":
		return projectJournal(ctx, b, r, subject[2])
	}
	return nil
}

func projectCommit(ctx context.Context, b *view.Batch[document], r view.Record, connection, dialog string) error {
	commit := &eventv1.Commit{}
	if err := proto.Unmarshal(r.Data, commit); err != nil {
		return fmt.Errorf("commit %d: %w", r.Seq, err)
	}
	return b.Update(ctx, documentID(connection, dialog), func(doc *document, _ bool) error {
		doc.Connection, doc.ID, doc.Seq = connection, dialog, r.Seq
		at := view.MillisOf(commit.GetAt().AsTime())
		for _, event := range commit.GetEvents() {
			doc.apply(event, at)
		}
		return nil
	})
}

func (d *document) apply(event *eventv1.Event, at view.Millis) {
	switch e := event.GetBody().(type) {
	case *eventv1.Event_DialogOpened:
		d.Customer, d.OpenedAt = e.DialogOpened.GetCustomer(), at
	case *eventv1.Event_StatusChanged:
		d.Status = int32(e.StatusChanged.GetTo())
	case *eventv1.Event_MessageAccepted:
		switch e.MessageAccepted.GetDirection() {
		case eventv1.Direction_DIRECTION_IN:
			d.MessagesIn++
		case eventv1.Direction_DIRECTION_OUT:
			d.MessagesOut++
		default:
			return // a comment
		}
		d.LastAt = max(d.LastAt, at)
	case *eventv1.Event_CustomerBlocked:
		d.Blocked = true
	case *eventv1.Event_CustomerUnblocked:
		d.Blocked = false
	}
}

func projectJournal(ctx context.Context, b *view.Batch[document], r view.Record, connection string) error {
	entry := &eventv1.JournalEntry{}
	if err := proto.Unmarshal(r.Data, entry); err != nil {
		return fmt.Errorf("journal entry %d: %w", r.Seq, err)
	}
	for _, record := range entry.GetRecords() {
		if err := projectTopic(ctx, b, connection, record); err != nil {
			return err
		}
	}
	return nil
}

func projectTopic(ctx context.Context, b *view.Batch[document], connection string, record *eventv1.JournalRecord) error {
	dialog, thread, lost := record.GetTopicCreated().GetDialog(), record.GetTopicCreated().GetThread(), false
	if gone := record.GetTopicLost(); gone != nil {
		dialog, thread, lost = gone.GetDialog(), gone.GetThread(), true
	}
	if dialog == "" {
		return nil
	}
	return b.Update(ctx, documentID(connection, dialog), func(doc *document, _ bool) error {
		doc.Connection, doc.ID = connection, dialog
		switch {
		case !lost:
			doc.Thread = thread
		case doc.Thread == thread:
			doc.Thread = 0
		}
		return nil
	})
}
