package ingress

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// squares stand before a topic's name; they show the status and are no part of it.
const squares = "🟪🟨⬛"

// naming is the name that somebody gave a topic by hand.
type naming struct {
	thread int64
	name   string
}

// titleOf is a topic's name without the squares before it.
func titleOf(name string) string {
	return strings.TrimSpace(strings.TrimLeft(name, squares+"\ufe0f \t"))
}

// keepTitle puts a topic's new name to the profile of the dialog's customer, outside the log: it usually names somebody. It returns
// false when the topic is the team's own.
func (in *intake) keepTitle(ctx context.Context, r reading) (ours bool, err error) {
	dialog, err := in.log.DialogOf(ctx, r.fact.GetConnection(), r.named.thread)
	if errors.Is(err, es.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	customer, err := strconv.ParseInt(dialog, 10, 64)
	if err != nil {
		return false, nil // no dialog of a customer
	}
	stored, err := in.profiles.Get(ctx, r.fact.GetConnection(), customer)
	switch {
	case errors.Is(err, es.ErrUnavailable) || ctx.Err() != nil:
		return false, err
	case err != nil:
		stored = &eventv1.Profile{}
	}
	title := r.named.name
	if title == strings.TrimSpace(stored.GetFirstName()+" "+stored.GetLastName()) {
		title = ""
	}
	if title == stored.GetTitle() {
		return true, nil
	}
	stored.Title = title
	return true, in.profiles.Put(ctx, r.fact.GetConnection(), customer, stored)
}

// namingOf reads the new name of a topic; nil when only its icon changed.
func namingOf(m object, thread int64) *naming {
	edit, ok := m.object("forum_topic_edited")
	if !ok || !edit.has("name") {
		return nil
	}
	return &naming{thread: thread, name: titleOf(edit.clipped("name", longestName))}
}
