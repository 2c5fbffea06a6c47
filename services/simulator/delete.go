package simulator

import (
	"time"
)

// deletable is how long a bot may delete a message.
const deletable = 48 * time.Hour

func deleteMessage(c *call) ([]byte, *apiError) {
	m, err := c.own("delete")
	if err != nil {
		return nil, err
	}
	if !c.mayDelete(m) {
		return nil, badRequest("message can't be deleted")
	}
	c.s.remove(m, c.b.u.name())
	return []byte("true"), nil
}

func (c *call) mayDelete(m *message) bool {
	if t := m.chat.topics[m.id]; t != nil {
		return false
	}
	mem := m.chat.members[c.b.u.id]
	if m.chat.kind == chatSuper && mem.can(canDelete) {
		return true
	}
	if m.from != c.b.u && m.chat.group() && !mem.can(canDelete) {
		return false
	}
	age := c.s.clock.Now().Sub(time.Unix(m.date, 0))
	if m.c.Kind == KindDice && !m.chat.group() && age <= deletable/2 {
		return false // nobody takes back a throw
	}
	return age < deletable
}

func (s *Server) remove(m *message, who string) {
	m.deleted = true
	s.emitMessage(EventMessageDeleted, m, who)
}

func deleteMessages(c *call) ([]byte, *apiError) {
	ch, err := c.b.resolveChat(c.p, "chat_id")
	if err != nil {
		return nil, err
	}
	if err := c.b.access(ch); err != nil {
		return nil, err
	}
	ids, ok := c.p.ints("message_ids")
	if !ok || len(ids) == 0 {
		return nil, badRequest("message identifiers are not specified")
	}
	if len(ids) > 100 {
		return nil, badRequest("too many message identifiers specified")
	}
	for _, id := range ids { // what cannot be found or deleted is skipped
		if m := ch.find(id); m != nil && c.mayDelete(m) {
			c.s.remove(m, c.b.u.name())
		}
	}
	return []byte("true"), nil
}
