package relay

import (
	"time"

	"go.uber.org/zap"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/hotline-desk/hotline/pkg/tg"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// Telegram goes on counting while a desk restarts. So what was spent of its limits, and the pauses that it asked for, are
// known from the journal: pauses have records of their own, calls are counted by the records of their outcomes.

const (
	spentWindow = time.Minute // the longest of Telegram's windows
	spentMost   = 4096        // spendings that are kept before the old ones are looked for
)

// spent counts the calls of which a record tells. Those that have no record – a word in General, a mark – are few.
func (h *history) spent(record *eventv1.JournalRecord) {
	at := record.GetAt().AsTime()
	switch body := record.GetBody().(type) {
	case *eventv1.JournalRecord_Done:
		h.spend(body.Done.GetDelivery(), at)
	case *eventv1.JournalRecord_Failed:
		h.spend(body.Failed.GetDelivery(), at)
	case *eventv1.JournalRecord_Unknown:
		h.spend(body.Unknown.GetDelivery(), at)
	case *eventv1.JournalRecord_TopicCreated:
		h.charge(h.home, 1, at)
	case *eventv1.JournalRecord_TopicShown:
		units := 1
		if body.TopicShown.GetStatus() == eventv1.Status_STATUS_CLOSED {
			units = 2 // renamed and closed
		}
		h.charge(h.home, units, at)
	}
}

// spend counts the call of a claim, unless it was not claimed at all.
func (h *history) spend(d *eventv1.Delivery, at time.Time) {
	if h.lane(d.GetDialog(), d.GetLane()).open == nil {
		return
	}
	chat := h.home
	if d.GetLane() == eventv1.Lane_LANE_CUSTOMER {
		chat = chatOfDialog(d.GetDialog())
	}
	h.charge(chat, max(1, len(d.GetSources())), at)
}

func (h *history) charge(chat int64, units int, at time.Time) {
	if chat != 0 {
		h.spendings = append(h.spendings, tg.Spending{Chat: chat, Units: units, At: at})
	}
	h.spendings = append(h.spendings, tg.Spending{Units: units, At: at})
	if len(h.spendings) > 2*h.spentKept {
		h.forgetSpendings(at)
	}
}

// forgetSpendings forgets what no longer weighs on any limit.
func (h *history) forgetSpendings(now time.Time) {
	kept := h.spendings[:0]
	for _, s := range h.spendings {
		if now.Sub(s.At) < spentWindow {
			kept = append(kept, s)
		}
	}
	h.spendings, h.spentKept = kept, max(spentMost, len(kept))
}

// inFlight counts the calls whose outcome nobody knows: Telegram may have counted them up to now.
func (h *history) inFlight(now time.Time) {
	for _, l := range h.lanes {
		if l.open != nil {
			h.spend(l.open.GetDelivery(), now)
		}
	}
	for range h.claimed {
		h.charge(h.home, 1, now)
	}
}

// restoreBudgets goes on with the limits where former owners were.
func (o *owner) restoreBudgets(h *history) {
	now := o.now()
	for chat, until := range h.pauses {
		o.park(chat, until, now)
	}
	if o.cfg.Limits == (tg.Limits{}) {
		return
	}
	h.inFlight(now)
	h.forgetSpendings(now)
	for i := range h.spendings {
		if s := &h.spendings[i]; s.At.After(now) {
			s.At = now // by another machine's clock
		}
	}
	o.sched.Restore(h.spendings)
}

// limited does as Telegram asks: it leaves a chat alone, and all of them when a second chat is limited meanwhile.
func (o *owner) limited(chat int64, until, now time.Time) {
	o.log.Info("Telegram asks for a pause", zap.Int64("chat", chat), zap.Duration("for", until.Sub(now)))
	chats := []int64{chat}
	if o.sched.ParkedOthers(chat, now) > 0 {
		chats = append(chats, 0)
	}
	for _, chat := range chats {
		o.park(chat, until, now)
		limited := &eventv1.Limited{Chat: chat, Until: timestamppb.New(until)}
		o.write(&eventv1.JournalRecord{Body: &eventv1.JournalRecord_Limited{Limited: limited}}, nil)
	}
}

// park leaves a chat alone, 0 for all of them, until a time.
func (o *owner) park(chat int64, until, now time.Time) {
	for other, over := range o.pauses {
		if !over.After(now) {
			delete(o.pauses, other)
		}
	}
	if !until.After(now) {
		return
	}
	if o.pauses[chat].Before(until) {
		o.pauses[chat] = until
	}
	if chat == 0 {
		o.sched.ParkAll(until)
		return
	}
	o.sched.Park(chat, until)
}

// portrayBudgets puts what weighs on the limits, and the pauses, into a snapshot.
func (o *owner) portrayBudgets(s *eventv1.Snapshot) {
	now := o.now()
	for chat, until := range o.pauses {
		if until.After(now) {
			s.Limited = append(s.Limited, &eventv1.Limited{Chat: chat, Until: timestamppb.New(until)})
		}
	}
	for _, p := range o.sched.Spendings(now) {
		s.Spent = append(s.Spent, &eventv1.Spent{Chat: p.Chat, Units: uint32(p.Units), At: timestamppb.New(p.At)})
	}
}

// budgets takes in what a snapshot tells of the limits.
func (h *history) budgets(s *eventv1.Snapshot) {
	for _, p := range s.GetSpent() {
		h.spendings = append(h.spendings, tg.Spending{Chat: p.GetChat(), Units: int(p.GetUnits()), At: p.GetAt().AsTime()})
	}
	for _, l := range s.GetLimited() {
		h.limited(l)
	}
}

func (h *history) limited(l *eventv1.Limited) {
	if until := l.GetUntil().AsTime(); h.pauses[l.GetChat()].Before(until) {
		h.pauses[l.GetChat()] = until
	}
}
