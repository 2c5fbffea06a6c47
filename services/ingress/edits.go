package ingress

import (
	"strconv"
	"time"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// edit begins the fact that a message was changed. What it says now is held before the fact is published, for it is nowhere
// else: no call reads a message.
func (r *reading) edit(m object, chat int64, now time.Time) {
	c := cause(eventv1.Cause_KIND_EDIT, chat, m)
	// Dates count seconds: of two edits in one second the second is the one that stays.
	c.EditDate, c.Key = m.int("edit_date"), strconv.FormatInt(r.update, 10)
	r.holds = true
	r.fact = &eventv1.Fact{Cause: c, At: dateOf(m, "edit_date", now)}
}

// editedKind knows that nothing changes a place on the map but being live: the last edit of a live location looks like a
// place.
func editedKind(kind eventv1.Kind) eventv1.Kind {
	if kind == eventv1.Kind_KIND_LOCATION {
		return eventv1.Kind_KIND_LIVE_LOCATION
	}
	return kind
}

// transient tells whether a copy by reference may not do, so that relay may ask what a new message says: Telegram guards
// protected messages, and makes a place of a live location.
func transient(m object, kind eventv1.Kind) bool {
	return m.has("has_protected_content") || kind == eventv1.Kind_KIND_LIVE_LOCATION
}
