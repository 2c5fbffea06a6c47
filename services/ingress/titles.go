package ingress

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"unicode"

	"go.uber.org/zap"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// squares mark a status in a topic's name; some keyboards add the last character.
const squares = "🟪🟨⬛\ufe0f"

// rename is a topic's name as somebody of the team gave it.
type rename struct {
	thread int64
	title  string // without a square
	admits func(chat int64) bool
}

func (l *lens) renamed(m object, thread int64) *rename {
	edited, ok := m.object("forum_topic_edited")
	name := edited.clipped("name", longestName)
	if !ok || name == "" { // another icon
		return nil
	}
	title := strings.TrimLeftFunc(name, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(squares, r)
	})
	return &rename{thread: thread, title: strings.TrimSpace(title), admits: l.admits}
}

// keepTitle stores the name that the team gave to a dialog's topic, and notes in the fact that it did: a fact has no place for
// names. Of a topic that is no dialog's nothing is kept, nor of a customer whose chat is not admitted.
func (in *intake) keepTitle(ctx context.Context, r reading) error {
	if r.rename == nil {
		return nil
	}
	connection := r.fact.GetConnection()
	dialog, err := in.log.DialogOf(ctx, connection, r.rename.thread)
	switch {
	case errors.Is(err, es.ErrNotFound):
		return nil
	case errors.Is(err, es.ErrUnavailable) || ctx.Err() != nil:
		return err
	case err != nil:
		in.logger.Warn("a topic's name is not kept: its dialog cannot be looked up", zap.Int64("thread", r.rename.thread), zap.Error(err))
		return nil
	}
	customer, err := strconv.ParseInt(dialog, 10, 64)
	if err != nil || !r.rename.admits(customer) {
		return nil
	}
	stored, err := in.storeTitle(ctx, profileKey{connection, customer}, r.rename.title)
	r.fact.GetTopicService().Named = stored
	return err
}

// storeTitle returns false without an error when the title cannot be stored while the log answers.
func (in *intake) storeTitle(ctx context.Context, key profileKey, title string) (bool, error) {
	leave, err := in.turns.enter(ctx, key.text())
	if err != nil {
		return false, err
	}
	defer leave()
	p, err := in.storedProfile(ctx, key)
	if err != nil {
		return false, err
	}
	if p == nil {
		p = &eventv1.Profile{}
	}
	if title == ownName(p, key.user) {
		title = ""
	}
	if p.GetTitle() == title {
		return true, nil
	}
	p.Title = title
	err = in.profiles.Put(ctx, key.connection, key.user, p)
	if err == nil {
		in.metrics.profile("written")
	}
	return err == nil, in.withoutProfile(ctx, key.user, err)
}

// ownName is what the topic is called when the team gave it no name.
func ownName(p *eventv1.Profile, customer int64) string {
	if name := strings.TrimSpace(p.GetFirstName() + " " + p.GetLastName()); name != "" {
		return name
	}
	return strconv.FormatInt(customer, 10)
}
