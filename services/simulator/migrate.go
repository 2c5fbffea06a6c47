package simulator

import "strconv"

// Migrate makes the group a supergroup with topics, as switching topics on does
// to a basic group, and returns it. Bots see migrate_to_chat_id in the old group
// and migrate_from_chat_id in the new one; calls to the old id are refused with
// the new one. Members keep their rights and go on in the new group, where the
// topics and messages of the old one are not. A group migrates once.
func (g *Group) Migrate() *Group {
	var to *Group
	g.locked(func() {
		if g.c.migratedTo == nil {
			g.s.migrate(g.c, g.owner())
		}
		to = &Group{g.s, g.c.migratedTo}
	})
	return to
}

func (s *Server) migrate(from *chat, by *user) {
	to := s.newChat(GroupOptions{Title: from.title})
	to.protected, to.refuse = from.protected, from.refuse
	for id, m := range from.members {
		kept := *m
		to.members[id] = &kept
	}
	out := Service("migrate_to_chat_id", strconv.FormatInt(to.id, 10))
	s.put(post{chat: from, from: by, c: &out})
	from.migratedTo = to
	in := Service("migrate_from_chat_id", strconv.FormatInt(from.id, 10))
	s.put(post{chat: to, from: groupAnonymousBot(), sender: to, c: &in})
}

// now is the group that c has become.
func (c *chat) now() *chat {
	for c.migratedTo != nil {
		c = c.migratedTo
	}
	return c
}
