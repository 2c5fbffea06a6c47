package simulator

import (
	"errors"
)

// ErrTopicClosed, ErrNoTopic: why an operator's message was not taken.
var (
	ErrTopicClosed = errors.New("the topic is closed")
	ErrNoTopic     = errors.New("the topic does not exist")
	ErrNoMember    = errors.New("not a member of the group")
)

// Operator is a member of a group, also of the supergroup that it became.
type Operator struct {
	s    *Server
	c    *chat
	u    *user
	anon bool
}

func (s *Server) newOperator(name string) *user {
	u := s.newUser(s.nextID.operator, name)
	s.nextID.operator++
	return u
}

// NewOperator adds an ordinary member.
func (g *Group) NewOperator(name string) *Operator {
	return g.join(name, "member", Rights{})
}

// NewAdmin adds an administrator.
func (g *Group) NewAdmin(name string, r Rights) *Operator { return g.join(name, "administrator", r) }

func (g *Group) join(name, status string, r Rights) *Operator {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	u := g.s.newOperator(name)
	g.s.setMember(g.c, u, u, member{u: u, status: status, rights: r})
	return &Operator{s: g.s, c: g.c, u: u}
}

// ID is the user id.
func (o *Operator) ID() int64 { return o.u.id }

// Name is the display name.
func (o *Operator) Name() string { return o.u.name() }

// Anonymous is the same person writing in the name of the group, as anonymous
// administrators do.
func (o *Operator) Anonymous() *Operator { return &Operator{o.s, o.c, o.u, true} }

// Leave takes the operator out of the group.
func (o *Operator) Leave() {
	o.s.mu.Lock()
	o.s.setMember(o.chat(), o.u, o.u, member{u: o.u, status: "left"})
	o.s.mu.Unlock()
	o.s.notify()
}

// SendIn writes in a topic (0: General). The result is empty (ID 0) when
// Telegram would not let the operator; TrySendIn says why.
func (o *Operator) SendIn(topic int64, content Content) Message {
	m, _ := o.TrySendIn(topic, content) //nolint:errcheck // the empty message says so
	return m
}

// TrySendIn is SendIn with the reason of a refusal.
func (o *Operator) TrySendIn(topic int64, content Content) (Message, error) {
	out, err := o.send(topic, 0, content)
	if err != nil {
		return Message{}, err
	}
	return out[0], nil
}

// SendAlbum sends the items as one album.
func (o *Operator) SendAlbum(topic int64, items ...Content) []Message {
	out, err := o.send(topic, 0, Album(items...))
	if err != nil {
		return nil
	}
	return out
}

// Reply answers a message of the group, in its topic.
func (o *Operator) Reply(to int64, content Content) Message {
	o.s.mu.Lock()
	m := o.chat().find(to)
	o.s.mu.Unlock()
	if m == nil {
		return Message{}
	}
	out, err := o.send(m.thread, to, content)
	if err != nil {
		return Message{}
	}
	return out[0]
}

func (o *Operator) send(topic, replyTo int64, content Content) ([]Message, error) {
	o.s.mu.Lock()
	defer o.s.notify()
	defer o.s.mu.Unlock()
	c := o.chat()
	mem := c.members[o.u.id]
	if !mem.in() {
		return nil, ErrNoMember
	}
	if topic != 0 {
		t := c.topics[topic]
		if t == nil || t.deleted {
			return nil, ErrNoTopic
		}
		if t.closed && !mem.can(canManageTopics) && t.creator != o.u {
			return nil, ErrTopicClosed
		}
	}
	p := o.as()
	p.chat, p.thread, p.replyTo = c, topic, replyTo
	return o.s.write(p, content, EventOperatorWrote), nil
}

// chat is the operator's group, also after it became a supergroup.
func (o *Operator) chat() *chat { return o.c.now() }

// as is a post in the operator's name, or in the group's.
func (o *Operator) as() post {
	if o.anon {
		return post{from: groupAnonymousBot(), sender: o.chat()}
	}
	return post{from: o.u}
}

// may tells whether the operator still does things in the group.
func (o *Operator) may() bool { return o.chat().members[o.u.id].in() }

// Edit changes the content of the operator's own message: its text or caption,
// its file (WithFile), or where a live location is. An unchanged content is no
// edit. Anonymous edits what was written anonymously.
func (o *Operator) Edit(id int64, content Content) {
	o.s.mu.Lock()
	if o.may() {
		o.s.rewrite(o.chat(), id, o.u, content, EventMessageEdited)
	}
	o.s.mu.Unlock()
	o.s.notify()
}

// Delete removes a message; bots are not told.
func (o *Operator) Delete(id int64) {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	if m := o.chat().find(id); m != nil {
		o.s.remove(m, o.u.name())
	}
}

// React sets or (with "") takes back a reaction, as Customer.React does. Bots
// that are administrators and asked for message_reaction are told.
func (o *Operator) React(id int64, emoji string) {
	o.s.mu.Lock()
	if o.may() {
		o.s.react(o.chat(), id, o.u, o.as().sender, emoji)
	}
	o.s.mu.Unlock()
	o.s.notify()
}

// Press presses an inline button with callback data. It returns the query's id.
func (o *Operator) Press(id int64, data string) string {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	return o.s.press(o.chat().find(id), o.u, data)
}

// Messages that the operator sees from the bots in a topic.
func (o *Operator) Messages(topic int64) []Message {
	o.s.mu.Lock()
	c := o.chat()
	o.s.mu.Unlock()
	return (&Group{o.s, c}).Messages(topic)
}
