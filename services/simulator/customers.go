package simulator

import (
	"slices"
	"strings"
)

// Customer is a private person who writes to a bot.
type Customer struct {
	s *Server
	u *user
	b *Bot
}

// NewCustomer makes a customer of the first bot. The bot does not know them
// before they write.
func (s *Server) NewCustomer(name string) *Customer {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.newUser(s.nextID.customer, name)
	s.nextID.customer++
	return &Customer{s, u, s.bots[0]}
}

// With is the same person, writing to another bot.
func (c *Customer) With(b *Bot) *Customer { return &Customer{c.s, c.u, b} }

// ID is the user id, and the id of the private chat.
func (c *Customer) ID() int64 { return c.u.id }

// Name is the display name.
func (c *Customer) Name() string { return c.u.name() }

// SetUsername changes the public name, without @.
func (c *Customer) SetUsername(name string) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.u.username = name
	c.s.names["@"+name] = c.u.id
	c.reencode()
}

// SetName changes the display name; later updates carry it.
func (c *Customer) SetName(name string) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.u.first, c.u.last, _ = strings.Cut(name, " ")
	c.reencode()
}

func (c *Customer) reencode() {
	c.u.encode()
	for _, b := range c.s.bots {
		if ch := b.chats[c.u.id]; ch != nil {
			ch.encode()
		}
	}
}

// chat is the started private chat, nil when the customer cannot write.
func (c *Customer) chat() *chat {
	ch := c.b.private(c.u)
	if ch.blocked || c.u.deactivated {
		return nil
	}
	ch.started = true
	c.b.seen[c.u.id] = true
	return ch
}

// Start presses the bot's Start button, with a parameter of the link if given.
func (c *Customer) Start(param ...string) Message {
	text := "/start"
	if len(param) > 0 && param[0] != "" {
		text += " " + param[0]
	}
	return c.Send(Text(text))
}

// Send writes to the bot. The result is empty (ID 0) when the customer has
// blocked the bot or is deactivated. Of an album it is the first item.
func (c *Customer) Send(content Content) Message { return c.Reply(0, content) }

// SendAlbum sends the items as one album.
func (c *Customer) SendAlbum(items ...Content) []Message {
	c.s.mu.Lock()
	out := c.post(0, Album(items...))
	c.s.mu.Unlock()
	c.s.notify()
	return out
}

// Reply writes an answer to a message in the private chat.
func (c *Customer) Reply(to int64, content Content) Message {
	c.s.mu.Lock()
	out := c.post(to, content)
	c.s.mu.Unlock()
	c.s.notify()
	if len(out) == 0 {
		return Message{}
	}
	return out[0]
}

func (c *Customer) post(to int64, content Content) []Message {
	ch := c.chat()
	if ch == nil {
		return nil
	}
	return c.s.write(post{chat: ch, from: c.u, replyTo: to}, content, EventCustomerWrote)
}

// write posts what a person wrote: one message, or those of an album.
func (s *Server) write(o post, content Content, kind EventKind) []Message {
	items, album := content.items, uint64(0)
	switch {
	case content.Kind == KindAlbum:
		album = s.albumID()
	case content.album != "":
		items, album = []Content{content}, namedAlbum(content.album)
	default:
		items = []Content{content}
	}
	out := make([]Message, 0, len(items))
	for i := range items {
		o.c, o.album = &items[i], album
		if i > 0 {
			o.replyTo = 0
		}
		m := s.put(o)
		s.emitMessage(kind, m, o.from.name())
		out = append(out, m.view())
	}
	return out
}

// namedAlbum is the same number for the same name.
func namedAlbum(key string) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range []byte(key) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return 13_600_000_000_000_000 + h%100_000_000_000
}

// Edit changes the content of the customer's own message: its text or caption,
// its file (WithFile), or where a live location is. An unchanged content is no
// edit.
func (c *Customer) Edit(id int64, content Content) { c.change(id, content) }

func (c *Customer) change(id int64, content Content) {
	c.s.mu.Lock()
	if ch := c.chat(); ch != nil {
		c.s.rewrite(ch, id, c.u, content, EventCustomerEdited)
	}
	c.s.mu.Unlock()
	c.s.notify()
}

// rewrite is an edit by a person; an unchanged content makes no update.
func (s *Server) rewrite(ch *chat, id int64, by *user, content Content, kind EventKind) {
	m := ch.find(id)
	if m == nil || m.from != by && m.sender == nil || content.Kind == KindAlbum || content.same(m.c) {
		return
	}
	content.refuse, content.protect = content.refuse || m.c.refuse, content.protect || m.c.protect
	s.change(m, &content)
	ch.edited(id)
	s.overhear(m)
	s.deliver("edited_message", m)
	s.emitMessage(kind, m, by.name())
}

// Delete removes a message on both sides; bots are not told.
func (c *Customer) Delete(id int64) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if m := c.b.private(c.u).find(id); m != nil {
		c.s.remove(m, c.u.name())
	}
}

// React sets or (with "") takes back a reaction: an emoji, "custom:" with the id
// of a custom emoji, "paid", or several with blanks between. The bot is told if
// it asked for message_reaction, unless Config.NoPrivateReactions.
func (c *Customer) React(id int64, emoji string) {
	c.s.mu.Lock()
	if ch := c.chat(); ch != nil {
		c.s.react(ch, id, c.u, nil, emoji)
	}
	c.s.mu.Unlock()
	c.s.notify()
}

// Press presses an inline button with callback data. It returns the query's id.
func (c *Customer) Press(id int64, data string) string {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.s.press(c.b.private(c.u).find(id), c.u, data)
}

// Block stops the bot from writing to the customer.
func (c *Customer) Block() { c.setBlocked(true) }

// Unblock lets it again.
func (c *Customer) Unblock() { c.setBlocked(false) }

func (c *Customer) setBlocked(blocked bool) {
	c.s.mu.Lock()
	ch := c.b.private(c.u)
	if ch.blocked != blocked {
		ch.blocked, ch.led.blocked = blocked, true
		was, now := "kicked", "member"
		kind := EventCustomerReturned
		if blocked {
			was, now, kind = "member", "kicked", EventCustomerBlocked
		}
		c.s.push(c.b, "my_chat_member", ch.id, 0, nil, func(b *Bot) []byte {
			return c.s.memberUpdate("my_chat_member", ch, c.u, &member{u: b.u, status: was}, &member{u: b.u, status: now})
		})
		c.s.emit(Event{Kind: kind, Chat: ch.id, Who: c.u.name()})
	}
	c.s.mu.Unlock()
	c.s.notify()
}

// Unstart makes the customer one who never started the bot, as everybody is to a bot that a team has just changed to.
// Writing starts it.
func (c *Customer) Unstart() {
	c.s.mu.Lock()
	ch := c.b.private(c.u)
	ch.started, ch.led.blocked = false, true
	c.s.mu.Unlock()
}

// SetCopyRefused makes Telegram refuse to copy anything from the private chat,
// as it may do where content is protected. Sending the same anew is no copy.
func (c *Customer) SetCopyRefused(on bool) {
	c.s.mu.Lock()
	c.b.private(c.u).refuse = on
	c.s.mu.Unlock()
}

// Deactivate deletes the customer's account.
func (c *Customer) Deactivate() {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.u.deactivated = true
	c.b.private(c.u).led.blocked = true
}

// Messages of the private chat, both sides, without deleted ones.
func (c *Customer) Messages() []Message {
	return c.filter(func(m *message) bool { return !m.deleted })
}

// Inbox is what the customer sees from the bot.
func (c *Customer) Inbox() []Message {
	return c.filter(func(m *message) bool { return !m.deleted && m.from.bot })
}

func (c *Customer) filter(keep func(*message) bool) []Message {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	var out []Message
	if ch := c.b.chats[c.u.id]; ch != nil {
		for _, m := range ch.log {
			if keep(m) {
				out = append(out, m.view())
			}
		}
	}
	return out
}

// Message by its id.
func (c *Customer) Message(id int64) (Message, bool) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.b.private(c.u).message(id)
}

// Received tells whether the bot sent a message with exactly this text or caption.
func (c *Customer) Received(text string) bool {
	return slices.ContainsFunc(c.Inbox(), func(m Message) bool { return m.Text == text })
}
