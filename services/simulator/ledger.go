package simulator

import (
	"strings"
)

// The ledgers are the ground truth that Check judges by: small fixed records of
// every message that matters, which outlive the messages themselves.

// original is a message that a customer wrote.
type original struct {
	id    int32
	to    int32 // the message that it answers
	seq   uint32
	album uint32
	edits uint16
	flags flags
}

type flags uint16

const (
	flagUncopyable flags = 1 << iota
	flagOptional         // /start, which a desk may keep to itself
	flagUnseen           // bots never got it
	flagSlash            // an operator's comment or command
	flagRefused          // Telegram refused to copy it
	flagReply            // answers a message that a bot put there
	flagAnonymous
	flagBroken // carries the bot's 💔
)

// deskCopy is a copy of a customer's message in a group.
type deskCopy struct {
	to     *chat
	src    int32
	dst    int32
	thread int32
	re     int32 // the message that it answers
	album  uint32
	seq    uint32
}

// answerCopy is a copy, in a customer's chat, of a message from elsewhere.
type answerCopy struct {
	from  *chat
	src   int32
	dst   int32
	re    int32 // the message that it answers
	seq   uint32
	album uint32
}

// dialogLedger is about one customer and one bot.
type dialogLedger struct {
	originals []original
	desk      []deskCopy
	answers   []answerCopy
	leaks     []leak
	blocked   bool // is or was unreachable at some time
}

// answer is what an operator wrote.
type answer struct {
	id     int32
	thread int32
	to     int32 // the message that it answers, if not the topic's root
	seq    uint32
	album  uint32
	flags  flags
	edits  uint16
}

// notice is what a bot said in a group in its own words.
type notice struct {
	thread  int32
	replyTo int32
	seq     uint32
	lines   int // how many messages it tells of
	again   int // how many ↻ it says: copies too many that there may be
}

// tells is how many messages a notice tells of: one with each line that begins
// with ⚠️, since several may be merged, but at least one.
func tells(text string) int {
	n := 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "⚠️") {
			n++
		}
	}
	return max(n, 1)
}

// reworded enters what an edit added to a notice, as a notice of that moment.
func (s *Server) reworded(m *message, was string) {
	lines, again := tells(m.c.Text)-tells(was), strings.Count(m.c.Text, "↻")-strings.Count(was, "↻")
	if !m.chat.group() || m.src.Chat != 0 || lines <= 0 && again <= 0 {
		return
	}
	s.seq++
	led := &m.chat.groupLed
	led.notices = append(led.notices, notice{int32(m.thread), int32(m.replyTo), s.seq, max(lines, 0), max(again, 0)})
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
		s.overheard(m)
		if m.src.Chat == 0 {
			s.emitMessage(EventCustomerReceived, m, m.chat.user.name())
			return
		}
		if from := s.sourceOf(bot, m.src); from != nil {
			led := &m.chat.led
			led.answers = append(led.answers, answerCopy{from, int32(m.src.ID), int32(m.id), m.answered(), m.seq, uint32(m.album)})
		}
		s.emitMessage(EventCustomerReceived, m, m.chat.user.name())
	case bot == nil:
		m.chat.groupLed.answers = append(m.chat.groupLed.answers, answerOf(m))
		s.overhear(m)
	default:
		s.accountDesk(m, bot)
	}
}

func (s *Server) accountDesk(m *message, bot *Bot) {
	if from := bot.chats[m.src.Chat]; from != nil && m.src.Chat != 0 {
		led := &from.led
		led.desk = append(led.desk, deskCopy{m.chat, int32(m.src.ID), int32(m.id), int32(m.thread), m.answered(), uint32(m.album), m.seq})
		s.emitMessage(EventCopyArrived, m, from.user.name())
		return
	}
	led := &m.chat.groupLed
	led.notices = append(led.notices, notice{int32(m.thread), int32(m.replyTo), m.seq, tells(m.c.Text), strings.Count(m.c.Text, "↻")})
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
	o := original{id: int32(m.id), to: m.answered(), seq: m.seq, album: uint32(m.album)}
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

// answered is the message that m answers, 0 for the root of its topic.
func (m *message) answered() int32 {
	if m.replyTo == m.thread {
		return 0
	}
	return int32(m.replyTo)
}

func answerOf(m *message) answer {
	a := answer{id: int32(m.id), thread: int32(m.thread), to: m.answered(), seq: m.seq, album: uint32(m.album)}
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
