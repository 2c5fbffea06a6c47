package simulator

import (
	"slices"
	"time"
)

func (l *load) now() uint32 { return micros(time.Since(l.start)) }

// find is the slot of a message in chat c, nil if it is not the load's.
func (l *load) find(c *chat, id int64) *slot {
	if c.kind == chatPrivate {
		if c.bot != l.bot {
			return nil
		}
		return l.in.at(id)
	}
	if t := l.out[c]; t != nil {
		return t.at(id)
	}
	return nil
}

// handed is called when the update about m goes out.
func (l *load) handed(m *message) {
	if s := l.find(m.chat, m.id); s != nil && s.handed == 0 {
		s.handed = l.now()
	}
}

// copied is called when a copy of the message is asked for.
func (l *load) copied(from *chat, id int64) {
	if s := l.find(from, id); s != nil && s.copied == 0 {
		s.copied = l.now()
	}
}

// posted is called for every new message, and picks out the bot's copies.
func (l *load) posted(m *message, bot *Bot) {
	if bot != l.bot || m.src.Chat == 0 {
		return
	}
	from := l.s.sourceOf(bot, m.src)
	if from == nil {
		return
	}
	if l.warm[from] {
		delete(l.warm, from)
		l.step()
	}
	s := l.find(from, m.src.ID)
	if s == nil {
		return
	}
	if s.got++; s.got > 1 {
		l.res.Duplicates++
		return
	}
	if from.group() {
		l.res.AnswersCopied++
	} else {
		l.res.Copied++
		l.last = s.copied
		l.answer(m)
	}
	l.step()
}

func (l *load) step() {
	select {
	case l.moved <- struct{}{}:
	default:
	}
}

// answer lets an operator answer the copy, if it is this one's turn.
func (l *load) answer(m *message) {
	if l.owed += l.o.Answers; l.owed < 1 || m.thread == 0 {
		return
	}
	l.owed--
	op := l.ops[m.chat]
	if op == nil {
		op = l.s.newOperator("Load operator")
		m.chat.members[op.id] = &member{u: op, status: "member"}
		l.ops[m.chat], l.out[m.chat] = op, &track{}
	}
	a := l.s.put(post{chat: m.chat, from: op, thread: m.thread, c: &l.content})
	l.out[m.chat].add(a.id, l.now())
	l.res.Answers++
}

// LoadResult tells how the last load went, or goes.
func (s *Server) LoadResult() LoadResult {
	s.mu.Lock()
	l := s.load
	if l == nil {
		s.mu.Unlock()
		return LoadResult{}
	}
	res := l.res
	res.Dropped = l.bot.queue.dropped
	in := slices.Clone(l.in.slots)
	var out []slot
	for _, t := range l.out {
		out = append(out, t.slots...)
	}
	last := l.last
	s.mu.Unlock()

	if res.Done {
		res.Lost = res.Sent - res.Copied
	}
	if res.Seconds = float64(last) / 1e6; res.Seconds > 0 {
		res.PerSecond = float64(res.Copied) / res.Seconds
	}
	res.Handed = latency(in, func(s slot) (uint32, uint32) { return s.handed, s.copied })
	res.Scheduled = latency(in, func(s slot) (uint32, uint32) { return s.due, s.copied })
	res.Answer = latency(out, func(s slot) (uint32, uint32) { return s.handed, s.copied })
	return res
}

// latency summarizes what lies between two moments of each slot.
func latency(slots []slot, span func(slot) (uint32, uint32)) Latency {
	took := make([]uint32, 0, len(slots))
	sum := 0.0
	for _, s := range slots {
		if from, to := span(s); from != 0 && to >= from {
			took = append(took, to-from)
			sum += float64(to - from)
		}
	}
	if len(took) == 0 {
		return Latency{}
	}
	slices.Sort(took)
	at := func(q float64) float64 {
		return float64(took[min(int(q*float64(len(took))), len(took)-1)]) / 1000
	}
	return Latency{N: len(took), Mean: sum / float64(len(took)) / 1000, P50: at(0.5), P90: at(0.9), P99: at(0.99), P999: at(0.999), Max: at(1)}
}
