package relay

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hotline-desk/hotline/pkg/view"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const traceTime = "2 Jan 15:04:05.000"

// pendingOf says, when a trace is called, how far a request in memory is. It belongs to the owner's goroutine.
func (o *owner) pendingOf(n *eventv1.Notice) string {
	if n.GetCode() != eventv1.Notice_CODE_TRACE {
		return ""
	}
	for _, ln := range o.lanes {
		for i := range ln.head {
			r := &ln.head[i]
			if r.effect() != eventv1.Effect_EFFECT_UNSPECIFIED || r.notice != nil || !r.about(n.GetSubject()) {
				continue
			}
			return fmt.Sprintf("• %s – waits: number %d of its lane, %d before it; %s", stamp(r.came), r.no, i, o.obstacle(ln))
		}
	}
	return ""
}

// obstacle is what a lane waits for.
func (o *owner) obstacle(ln *lane) string {
	chat := o.group
	if ln.key.side == eventv1.Lane_LANE_CUSTOMER {
		chat = chatOfDialog(ln.key.dialog)
	}
	switch until := o.sched.Parked(chat); {
	case o.suspended:
		return "Telegram gives no answer"
	case o.trouble.active:
		return o.trouble.reason.remedy()
	case until.After(o.now()):
		return "Telegram asks for a pause until " + stamp(until)
	case ln.phase == phaseClaimed:
		return "the call is under way"
	case ln.phase == phaseTopic:
		return "its topic is being made"
	}
	return "its turn has not come"
}

// traceText is the life of a message by the log: what was asked for when, and what became of it.
func (o *owner) traceText(ctx context.Context, j *job, subject *eventv1.MessageRef) string {
	waiting, cancel := context.WithTimeout(ctx, linkWait)
	defer cancel()
	lagging := o.links.reach(waiting, j.tail) != nil
	doc, err := o.links.bySource(ctx, o.id, subject)
	if err != nil {
		if doc, err = o.links.byCopy(ctx, o.id, subject); err == nil {
			// A later copy knows its original, which knows the rest.
			if whole, err := o.links.bySource(ctx, o.id, &eventv1.MessageRef{Chat: doc.Chat, Message: doc.Message}); err == nil {
				doc = whole
			}
		}
	}
	var lines []string
	switch {
	case err == nil:
		lines = o.lifeOf(ctx, doc)
	case j.pending == "":
		lines = []string{"🔎 Nothing is known of this message: it was a comment, a command, one of the bot's own texts, or not for the other side."}
	default:
		lines = []string{"🔎 This message is on its way"}
	}
	if j.pending != "" && (err != nil || doc.State == "") {
		lines = append(lines, j.pending)
	}
	if lagging {
		lines = append(lines, "(The view of deliveries is still being built: more may be known in a while.)")
	}
	return strings.Join(append(lines, "Times are UTC."), "\n")
}

func (o *owner) lifeOf(ctx context.Context, doc delivery) []string {
	who, where := "of the customer", "in the topic"
	if eventv1.Lane(doc.Lane) == eventv1.Lane_LANE_CUSTOMER {
		who, where = "of an operator", "at the customer"
	}
	lines := []string{fmt.Sprintf("🔎 Message %d %s", doc.Message, who)}
	if commit, err := o.deps.Desk.Commit(ctx, doc.DeskSeq); err == nil {
		lines = append(lines, fmt.Sprintf("• %s – accepted (commit %d), queued as number %d of its lane", stamp(commit.Time), doc.DeskSeq, doc.No))
	}
	if doc.StartedAt != 0 {
		lines = append(lines, fmt.Sprintf("• %s – sending started", stamp(doc.StartedAt.Time())))
	}
	if doc.Attempts > 1 {
		lines = append(lines, fmt.Sprintf("• sent %d times, since answers were lost", doc.Attempts))
	}
	switch at := stamp(doc.At.Time()); doc.State {
	case stateDone:
		lines = append(lines, fmt.Sprintf("• %s – delivered, as message %d %s", at, doc.CopyID, where))
	case stateFailed:
		lines = append(lines, "• "+at+" – "+strings.TrimPrefix(notDelivered(&eventv1.Notice{Failure: eventv1.FailureClass(doc.Class), Lane: eventv1.Lane(doc.Lane)}), "⚠️ "))
	case stateUnknown:
		lines = append(lines, "• "+at+" – Telegram's answer was lost: it may have arrived, or not")
	default:
		lines = append(lines, "• the call is under way, or its answer is")
	}
	return append(lines, later(doc)...)
}

// later is what happened to the copy afterwards.
func later(doc delivery) []string {
	var lines []string
	for _, what := range []struct {
		at   view.Millis
		text string
	}{{doc.EditedAt, "edited, and so was the copy"}, {doc.DeletedAt, "the copy was deleted"}} {
		if what.at != 0 {
			lines = append(lines, fmt.Sprintf("• %s – %s", stamp(what.at.Time()), what.text))
		}
	}
	return lines
}

func stamp(at time.Time) string { return at.UTC().Format(traceTime) }
