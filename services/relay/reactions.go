package relay

import (
	"context"

	"github.com/mymmrac/telego"

	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const (
	reactTries = 3
	wishLimit  = 10_000 // reactions under way; what comes beyond is not shown
)

// reaction is the bot's one reaction to a message: only the last wanted one counts.
type reaction struct {
	chat, message int64
	wanted, shown uint32 // numbers of Telegram's set; 0: none
	calling       uint32 // what the call under way sets
	queued        bool
	tries         int
	before        func(number uint32, then func()) // writes down that it may be shown from here on; nil: nothing to write
	after         func(number uint32)              // it is shown, or never will be
}

// react brings a reaction up to what is wanted, when its turn comes.
func (o *owner) react(r *reaction) {
	if r.queued || r.wanted == r.shown {
		return
	}
	r.queued = true
	o.push(&job{kind: jobReact, react: r, chat: r.chat, since: o.now()}, tg.PriorityCosmetic, 1)
}

// prepareReact decides what the call is to set; false: nothing any more.
func (o *owner) prepareReact(j *job) bool {
	r := j.react
	if r.wanted == r.shown {
		r.queued = false
		return false
	}
	r.calling = r.wanted
	if r.before == nil {
		o.callouts = append(o.callouts, j)
		return true
	}
	r.before(r.calling, func() { o.callouts = append(o.callouts, j) })
	return true
}

func (o *owner) callReact(ctx context.Context, j *job) result {
	return o.ask(ctx, "setMessageReaction", reactionParams(j.react.chat, j.react.message, tg.ReactionOf(j.react.calling)), nil)
}

func reactionParams(chat, message int64, emoji string) telego.SetMessageReactionParams {
	params := telego.SetMessageReactionParams{ChatID: chatID(chat), MessageID: int(message), Reaction: []telego.ReactionType{}}
	if emoji != "" {
		params.Reaction = append(params.Reaction, &telego.ReactionTypeEmoji{Type: telego.ReactionEmoji, Emoji: emoji})
	}
	return params
}

// reacted takes the outcome. A reaction is never worth more than a message: what cannot be shown is given up.
func (o *owner) reacted(j *job, result result) {
	r := j.react
	r.queued = false
	if result.class == tg.ClassUnknown && r.tries < reactTries {
		r.tries++
		o.react(r)
		return
	}
	r.shown, r.tries = r.calling, 0
	if r.after != nil {
		r.after(r.shown)
	}
	o.react(r)
}

// wish is a reaction of somebody on its way to the other side.
type wish struct {
	ref    *eventv1.MessageRef // that was reacted to
	actor  eventv1.Actor_Type
	number uint32
	seq    uint64 // of the commit that asked last
	show   *reaction
	asking bool
}

// wantReaction notes a reaction; the last one to a message counts. Between colleagues reactions stay theirs: what goes out
// is an operator's reaction to a message of the customer.
func (o *owner) wantReaction(changed *eventv1.ReactionChanged, seq uint64) {
	key := place{o.id, changed.GetMessage().GetChat(), changed.GetMessage().GetMessage()}
	w := o.wishes[key]
	if w == nil {
		if len(o.wishes) >= wishLimit {
			o.wishDone(changed.GetMessage(), seq)
			return
		}
		w = &wish{ref: changed.GetMessage()}
		o.wishes[key] = w
	}
	w.actor, w.number, w.seq = changed.GetActor().GetType(), changed.GetReaction(), seq
	switch {
	case w.show != nil:
		w.show.wanted = w.number
		o.react(w.show)
	case !w.asking:
		w.asking = true
		o.findCounterpart(key, w)
	}
}

func (o *owner) findCounterpart(key place, w *wish) {
	customer, group, tail := w.actor == eventv1.Actor_TYPE_CUSTOMER, o.group, o.pen.tail
	o.aside(func(ctx context.Context) func() {
		chat, message := o.reactionTarget(ctx, tail, w.ref, customer, group)
		return func() {
			w.asking = false
			if message == 0 {
				delete(o.wishes, key)
				o.wishDone(w.ref, w.seq)
				return
			}
			w.show = &reaction{chat: chat, message: message, wanted: w.number, shown: w.number + 1}
			w.show.after = func(number uint32) {
				o.wishDone(w.ref, w.seq)
				if w.number == number {
					delete(o.wishes, key)
				}
			}
			o.react(w.show)
		}
	})
}

// reactionTarget is where a reaction is to be shown; 0 when nowhere.
func (o *owner) reactionTarget(ctx context.Context, tail uint64, ref *eventv1.MessageRef, customer bool, group int64) (chat, message int64) {
	if customer {
		return group, o.replyIn(ctx, tail, group, ref)
	}
	original := o.recent.original(o.id, ref)
	if original == nil {
		ctx, cancel := context.WithTimeout(ctx, linkWait)
		defer cancel()
		if o.links.reach(ctx, tail) != nil {
			return 0, 0
		}
		doc, err := o.links.byCopy(ctx, o.id, ref)
		if err != nil {
			return 0, 0
		}
		original = &eventv1.MessageRef{Chat: doc.Chat, Message: doc.Message}
	}
	if original.GetChat() <= 0 {
		return 0, 0
	}
	return original.GetChat(), original.GetMessage()
}

// portrayReactions puts marks and reactions that are not done with into a snapshot.
func (o *owner) portrayReactions(s *eventv1.Snapshot) {
	for _, marks := range o.marks {
		for _, m := range marks {
			if m.visible() {
				s.Marks = append(s.Marks, &eventv1.Marked{Delivery: m.delivery, Mark: max(m.show.shown, m.show.calling)})
			}
		}
	}
	for m := range o.fading {
		s.Marks = append(s.Marks, &eventv1.Marked{Delivery: m.delivery, Mark: max(m.show.shown, m.show.calling)})
	}
	for _, w := range o.wishes {
		s.Reactions = append(s.Reactions, &eventv1.Reacted{Message: w.ref, DeskSeq: w.seq})
	}
	s.Told = o.ownerTold
}

// wishDone writes down that nothing is left to be done for a reaction.
func (o *owner) wishDone(ref *eventv1.MessageRef, seq uint64) {
	done := &eventv1.Reacted{Message: ref, DeskSeq: seq}
	o.write(&eventv1.JournalRecord{Body: &eventv1.JournalRecord_Reacted{Reacted: done}}, nil)
}
