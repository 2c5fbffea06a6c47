package tg

import "time"

// Priority orders calls: lower ones are served first. Within a priority, chats and the callers inside a chat take turns.
type Priority uint8

// The priorities, in order of service.
const (
	// PriorityAnswer is for what goes to customers.
	PriorityAnswer Priority = iota
	// PriorityNotice is for texts of Hotline's own to operators. In a group, Limits.NoticeUnits bounds how many of them
	// go first; the others take their turn with the desk copies.
	PriorityNotice
	// PriorityDesk is for customers' messages on their way into topics.
	PriorityDesk
	// PriorityCosmetic is for what only looks better afterwards: it yields to all others, but for one slot a minute.
	PriorityCosmetic
	// PriorityBroadcast is for mass mailings to private chats: what the others leave, and never all of that.
	PriorityBroadcast
	priorities
)

// Priorities is how many there are.
const Priorities = int(priorities)

// String names the priority as metrics do.
func (c Priority) String() string {
	return [...]string{"answer", "notice", "desk", "cosmetic", "broadcast", "none"}[min(c, priorities)]
}

// Limits are the budgets of one bot. The zero value paces nothing.
type Limits struct {
	// PrivateEvery is the lasting distance of two units in one private chat, PrivateBurst how many may come at once.
	// Broadcasts leave the burst to others.
	PrivateEvery time.Duration
	PrivateBurst int
	// GroupUnits is how many units one group takes in any GroupWindow.
	GroupUnits  int
	GroupWindow time.Duration
	// TotalUnits is how many units the bot may send in any TotalWindow; PaidUnits when its broadcasts are paid for.
	TotalUnits  int
	TotalWindow time.Duration
	// NoticeUnits is how many units of notices go before desk copies in any GroupWindow of a group; 0: all of them.
	NoticeUnits int
	// CosmeticReserve is how many units of a group's window cosmetic calls leave to others.
	CosmeticReserve int
	// CosmeticEvery is how long cosmetic calls can be overtaken by others of their chat before one of them goes first; 0:
	// for ever.
	CosmeticEvery time.Duration
	// AnswerReserve is how many units of TotalUnits all but answers leave to these, until they were overtaken for TurnEvery.
	AnswerReserve int
	// BroadcastReserve is how many units of TotalUnits broadcasts leave to others, besides what these have used lately.
	BroadcastReserve int
	// BroadcastFlying is how many units of broadcasts may be under way at once; 0: any number. Where the number of calls
	// under way is bounded, it has to be less than that, or broadcasts keep the others waiting all the same.
	BroadcastFlying int
	// TurnEvery is how long calls of a priority can be overtaken by more urgent ones of other chats before one of them
	// goes first; 0: for ever.
	TurnEvery time.Duration
}

// PaidUnits is TotalUnits of a bot that pays for its broadcasts.
const PaidUnits = 1000

// TelegramLimits are the limits that Telegram states: one message a second in a private chat with short bursts, twenty
// a minute in a group, thirty a second over all.
func TelegramLimits() Limits {
	return Limits{
		PrivateEvery: time.Second, PrivateBurst: 3,
		GroupUnits: 20, GroupWindow: time.Minute,
		TotalUnits: 30, TotalWindow: time.Second,
		NoticeUnits:     5,
		CosmeticReserve: 5, CosmeticEvery: time.Minute,
		AnswerReserve: 10, BroadcastReserve: 1,
		TurnEvery: time.Second,
	}
}

// restUnits is how many units of the total all but answers may fill.
func (l Limits) restUnits() int { return max(1, l.TotalUnits-l.AnswerReserve) }

// broadcastUnits is how many units of the total broadcasts may fill.
func (l Limits) broadcastUnits() int { return max(1, l.TotalUnits-l.BroadcastReserve) }
