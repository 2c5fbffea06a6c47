package simulator

import (
	"strings"
)

// The ledgers are the ground truth that Check judges by: small fixed records of
// every message that matters, which outlive the messages themselves.

// original is a message that a customer wrote.
type original struct {
	id    int32
	seq   uint32
	album uint32
	edits uint8
	flags flags
}

type flags uint8

const (
	flagUncopyable flags = 1 << iota
	flagOptional         // /start, which a desk may keep to itself
	flagUnseen           // bots never got it
	flagSlash            // an operator's comment or command
	flagRefused          // Telegram refused to copy it
	flagReply            // answers a message that a bot put there
	flagAnonymous
)

// deskCopy is a copy of a customer's message in a group.
type deskCopy struct {
	to     *chat
	src    int32
	dst    int32
	thread int32
	album  uint32
	seq    uint32
}

// answerCopy is a copy, in a customer's chat, of a message from elsewhere.
type answerCopy struct {
	from  *chat
	src   int32
	dst   int32
	seq   uint32
	album uint32
}

// dialogLedger is about one customer and one bot.
type dialogLedger struct {
	originals []original
	desk      []deskCopy
	answers   []answerCopy
	blocked   bool // is or was unreachable at some time
}

// answer is what an operator wrote.
type answer struct {
	id     int32
	thread int32
	seq    uint32
	album  uint32
	flags  flags
	edits  uint8
}

// notice is what a bot said in a group in its own words.
type notice struct {
	thread  int32
	replyTo int32
	seq     uint32
	again   int // how many ↻ it says: copies too many that there may be
}

type groupLedger struct {
	answers []answer
	notices []notice
}

// account enters m into the ledgers.
func (s *Server) account(m *message, bot *Bot) {
	if m.c.Kind == KindService && m.chat.group() {
		return
	}
	switch {
	case m.chat.kind == chatPrivate && bot == nil:
		m.chat.led.originals = append(m.chat.led.originals, originalOf(m))
	case m.chat.kind == chatPrivate:
		if m.src.Chat == 0 {
			s.emitMessage(EventCustomerReceived, m, m.chat.user.name())
			return
		}
		if from := s.sourceOf(bot, m.src); from != nil {
			led := &m.chat.led
			led.answers = append(led.answers, answerCopy{from, int32(m.src.ID), int32(m.id), m.seq, uint32(m.album)})
		}
		s.emitMessage(EventCustomerReceived, m, m.chat.user.name())
	case bot == nil:
		m.chat.groupLed.answers = append(m.chat.groupLed.answers, answerOf(m))
	default:
		s.accountDesk(m, bot)
	}
}

func (s *Server) accountDesk(m *message, bot *Bot) {
	if from := bot.chats[m.src.Chat]; from != nil && m.src.Chat != 0 {
		led := &from.led
		led.desk = append(led.desk, deskCopy{m.chat, int32(m.src.ID), int32(m.id), int32(m.thread), uint32(m.album), m.seq})
		s.emitMessage(EventCopyArrived, m, from.user.name())
		return
	}
	led := &m.chat.groupLed
	led.notices = append(led.notices, notice{int32(m.thread), int32(m.replyTo), m.seq, strings.Count(m.c.Text, "↻")})
	s.emitMessage(EventNoticeArrived, m, bot.u.name())
}

// sourceOf is the chat in which the source of a copy lies.
func (s *Server) sourceOf(bot *Bot, r Ref) *chat {
	if c := bot.chats[r.Chat]; c != nil {
		return c
	}
	return s.chats[r.Chat]
}

func originalOf(m *message) original {
	o := original{id: int32(m.id), seq: m.seq, album: uint32(m.album)}
	if !m.copyable() {
		o.flags |= flagUncopyable
	}
	if m.c.Kind == KindText && (m.c.Text == "/start" || strings.HasPrefix(m.c.Text, "/start ")) {
		o.flags |= flagOptional
	}
	if m.c.Kind == KindSelfDestruct {
		o.flags |= flagUnseen
	}
	return o
}

func answerOf(m *message) answer {
	a := answer{id: int32(m.id), thread: int32(m.thread), seq: m.seq, album: uint32(m.album)}
	if strings.HasPrefix(m.c.Text, "/") {
		a.flags |= flagSlash
	}
	if !m.copyable() {
		a.flags |= flagUncopyable
	}
	if m.c.Kind == KindSelfDestruct {
		a.flags |= flagUnseen
	}
	if m.sender != nil {
		a.flags |= flagAnonymous
	}
	if to := m.chat.find(m.replyTo); m.replyTo != m.thread && to != nil && to.from.bot && to.src.Chat != 0 {
		a.flags |= flagReply
	}
	return a
}

// search finds the record with this id in a ledger that ascends by id.
func search[T any](list []T, id int64, key func(*T) int32) *T {
	lo, hi := 0, len(list)
	for lo < hi {
		if mid := (lo + hi) / 2; int64(key(&list[mid])) < id {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(list) && int64(key(&list[lo])) == id {
		return &list[lo]
	}
	return nil
}

func (c *chat) original(id int64) *original {
	return search(c.led.originals, id, func(o *original) int32 { return o.id })
}

func (c *chat) answer(id int64) *answer {
	return search(c.groupLed.answers, id, func(a *answer) int32 { return a.id })
}

// refuse records that Telegram would not copy the message.
func (c *chat) refuse(id int64) {
	if o := c.original(id); o != nil {
		o.flags |= flagRefused
	}
	if a := c.answer(id); a != nil {
		a.flags |= flagRefused
	}
}

// edited records an edit: a desk may copy the message once more.
func (c *chat) edited(id int64) {
	if o := c.original(id); o != nil {
		o.edits++
	}
	if a := c.answer(id); a != nil {
		a.edits++
	}
}
