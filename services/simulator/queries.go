package simulator

import (
	"strconv"
	"time"
)

// callbackQuery waits for the bot's answer.
type callbackQuery struct {
	bot     *Bot
	born    time.Time
	answer  string
	settled bool
}

// press makes a callback_query of a button under one of a bot's messages.
func (s *Server) press(m *message, by *user, data string) string {
	if m == nil {
		return ""
	}
	for _, b := range s.bots {
		if b.u != m.from {
			continue
		}
		id := strconv.FormatUint(s.rng.Uint64()>>1, 10)
		s.queries[id] = &callbackQuery{bot: b, born: s.clock.Now()}
		s.emit(Event{Kind: EventPressed, Chat: m.chat.id, Topic: m.thread, ID: m.id, Text: data, Who: by.name()})
		s.push(b, "callback_query", by.id, queryLife, nil, func(b *Bot) []byte {
			f := appendString([]byte(`"callback_query":{"id":`), id)
			f = append(append(f, `,"from":`...), by.json...)
			f = m.append(append(f, `,"message":`...), b, true)
			f = appendField(f, "chat_instance", strconv.FormatInt(m.chat.id*31, 10))
			return append(appendField(f, "data", data), '}')
		})
		return id
	}
	return ""
}

func answerCallbackQuery(c *call) ([]byte, *apiError) {
	q := c.s.queries[c.p.str("callback_query_id")]
	if q == nil || q.bot != c.b || q.settled || c.s.clock.Now().Sub(q.born) > queryLife {
		return nil, badRequest("query is too old and response timeout expired or query ID is invalid")
	}
	q.settled, q.answer = true, c.p.str("text")
	return []byte("true"), nil
}

// QueryAnswer is what the bot answered to the callback query, and whether it did.
func (s *Server) QueryAnswer(id string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.queries[id]; q != nil && q.settled {
		return q.answer, true
	}
	return "", false
}
