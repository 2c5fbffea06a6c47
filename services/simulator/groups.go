package simulator

import (
	"cmp"
	"context"
	"maps"
	"slices"
)

// Group is a team's group.
type Group struct {
	s *Server
	c *chat
}

// GroupOptions of NewGroup. The zero value is a supergroup with topics and no
// bots.
type GroupOptions struct {
	Title string
	// Bots that are in the group, with Rights as administrators.
	Bots []*Bot
	// Rights of the bots; nil is AllRights.
	Rights *Rights
	// Member makes the bots ordinary members.
	Member bool
	// NoForum is a supergroup without topics.
	NoForum bool
	// Basic is a basic group.
	Basic bool
	// Owner's name.
	Owner string
}

// NewGroup makes a group with its owner. Its bots are told by my_chat_member.
func (s *Server) NewGroup(o GroupOptions) *Group {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.newChat(o)
	owner := s.newOperator(cmp.Or(o.Owner, "Owner"))
	c.members[owner.id] = &member{u: owner, status: "creator"}
	g := &Group{s, c}
	for _, b := range o.Bots {
		g.add(b, o.Rights, o.Member)
	}
	return g
}

func (s *Server) newChat(o GroupOptions) *chat {
	c := &chat{s: s, title: cmp.Or(o.Title, "Support team"), members: map[int64]*member{}, topics: map[int64]*topic{}}
	if o.Basic {
		c.kind, c.id = chatBasic, -s.nextID.basic
		s.nextID.basic++
	} else {
		c.kind, c.id, c.forum = chatSuper, -1_000_000_000_000-s.nextID.supergroup, !o.NoForum
		s.nextID.supergroup++
		c.lastID = 1 // the group's own creation; 1 is also the id of General
	}
	c.encode()
	s.chats[c.id] = c
	return c
}

func (g *Group) add(b *Bot, rights *Rights, plain bool) {
	m := member{u: b.u, status: "administrator", rights: AllRights()}
	if rights != nil {
		m.rights = *rights
	}
	if plain {
		m.status = "member"
	}
	owner := g.owner()
	b.seen[owner.id] = true
	g.s.setMember(g.c, b.u, owner, m)
}

func (c *chat) sortedMembers() []*member {
	return slices.SortedFunc(maps.Values(c.members), func(a, b *member) int { return cmp.Compare(a.u.id, b.u.id) })
}

func (g *Group) owner() *user {
	for _, m := range g.c.members {
		if m.status == "creator" {
			return m.u
		}
	}
	return groupAnonymousBot()
}

// ID is the chat id, negative.
func (g *Group) ID() int64 { return g.c.id }

// Owner of the group, who may do everything in it.
func (g *Group) Owner() *Operator {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	return &Operator{s: g.s, c: g.c, u: g.owner()}
}

// Add puts b into the group as an administrator with these rights.
func (g *Group) Add(b *Bot, r Rights) { g.locked(func() { g.add(b, &r, false) }) }

// AddMember puts b into the group without rights.
func (g *Group) AddMember(b *Bot) { g.locked(func() { g.add(b, nil, true) }) }

// SetRights changes what b may do.
func (g *Group) SetRights(b *Bot, r Rights) { g.Add(b, r) }

// Kick throws b out.
func (g *Group) Kick(b *Bot) {
	g.locked(func() { g.s.setMember(g.c, b.u, g.owner(), member{u: b.u, status: "kicked"}) })
}

// SetWritable false takes b the right to write in the group.
func (g *Group) SetWritable(b *Bot, yes bool) {
	g.locked(func() {
		if m := g.c.members[b.u.id]; m != nil {
			m.muted = !yes
		}
	})
}

// SetForum switches topics.
func (g *Group) SetForum(on bool) { g.locked(func() { g.c.forum = on; g.c.encode() }) }

// SetCopyRefused makes Telegram refuse to copy anything from the group, as it
// may do where content is protected. Sending the same anew is no copy.
func (g *Group) SetCopyRefused(on bool) { g.locked(func() { g.c.refuse = on }) }

// SetProtected switches content protection.
func (g *Group) SetProtected(on bool) { g.locked(func() { g.c.protected = on }) }

func (g *Group) locked(f func()) {
	g.s.mu.Lock()
	f()
	g.s.mu.Unlock()
	g.s.notify()
}

// Topics of the group, also deleted ones, in order of creation.
func (g *Group) Topics() []Topic {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	out := make([]Topic, 0, len(g.c.topicOrder))
	for _, t := range g.c.topicOrder {
		out = append(out, t.view())
	}
	return out
}

// Topic by its id.
func (g *Group) Topic(id int64) (Topic, bool) {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	if t := g.c.topics[id]; t != nil {
		return t.view(), true
	}
	return Topic{}, false
}

// TopicOf finds the topic, not deleted, that holds the latest copy of one of
// cust's messages.
func (g *Group) TopicOf(cust *Customer) (Topic, bool) {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	if c := cust.b.chats[cust.u.id]; c != nil {
		for _, r := range slices.Backward(c.led.desk) {
			if t := r.to.topics[int64(r.thread)]; r.to == g.c && t != nil && !t.deleted {
				return t.view(), true
			}
		}
	}
	return Topic{}, false
}

// WaitTopic waits for TopicOf.
func (g *Group) WaitTopic(ctx context.Context, cust *Customer) (t Topic, err error) {
	err = g.s.WaitFor(ctx, func() (ok bool) { t, ok = g.TopicOf(cust); return ok })
	return t, err
}

// Messages of a topic (0: General), service messages too, deleted ones not.
func (g *Group) Messages(topic int64) []Message {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	var out []Message
	for _, m := range g.c.log {
		if m.thread == topic && !m.deleted {
			out = append(out, m.view())
		}
	}
	return out
}

// Message by its id, also a deleted one that is still remembered.
func (g *Group) Message(id int64) (Message, bool) {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	return g.c.message(id)
}

func (c *chat) message(id int64) (Message, bool) {
	if m := c.find(id); m != nil {
		return m.view(), true
	}
	for _, m := range c.log {
		if m.id == id {
			return m.view(), true
		}
	}
	return Message{}, false
}

// DeleteTopic by the owner: no update tells of it.
func (g *Group) DeleteTopic(id int64) { g.Owner().DeleteTopic(id) }
