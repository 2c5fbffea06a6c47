package simulator

import (
	"fmt"
	"strconv"
)

// Bot is one bot account.
type Bot struct {
	s     *Server
	u     *user
	token string

	privacy bool // sees only commands in groups where it is no administrator
	topics  bool // has topics in private chats
	lastID  int64
	chats   map[int64]*chat // private chats by user id
	order   []*chat         // the same, in order of first contact
	seen    map[int64]bool  // users the bot has met anywhere
	queue   updateQueue
	poll    pollState
	hook    webhook
}

// NewBot makes a bot. The first one is the one that customers write to.
func (s *Server) NewBot(name string) *Bot {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.newUser(s.nextID.bot, name)
	s.nextID.bot++
	u.bot, u.username = true, botUsername(name, len(s.bots))
	u.encode()
	b := &Bot{s: s, u: u, privacy: true, chats: map[int64]*chat{}, seen: map[int64]bool{}}
	b.token = strconv.FormatInt(u.id, 10) + ":" + s.secret(35)
	b.queue.init(s)
	s.bots = append(s.bots, b)
	s.byToken[b.token] = b
	s.names["@"+u.username] = u.id
	return b
}

func botUsername(name string, n int) string {
	var out []byte
	for _, c := range []byte(name) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			out = append(out, c)
		}
	}
	if n == 0 {
		return string(out) + "_bot"
	}
	return fmt.Sprintf("%s%d_bot", out, n)
}

func (s *Server) secret(n int) string {
	const abc = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
	b := make([]byte, n)
	for i := range b {
		b[i] = abc[s.rng.IntN(len(abc))]
	}
	return string(b)
}

// Token authorizes the bot: digits, a colon and 35 characters.
func (b *Bot) Token() string { return b.token }

// ID is the bot's user id.
func (b *Bot) ID() int64 { return b.u.id }

// Username is without the @.
func (b *Bot) Username() string { return b.u.username }

// Name is the bot's display name.
func (b *Bot) Name() string { return b.u.name() }

// SetPrivacy switches privacy mode (on by default): with it, a bot that is no
// administrator sees only commands in groups.
func (b *Bot) SetPrivacy(on bool) {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	b.privacy = on
}

// SetPrivateTopics switches topics in private chats.
func (b *Bot) SetPrivateTopics(on bool) {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	b.topics = on
}

// Pending is how many updates wait to be confirmed or delivered.
func (b *Bot) Pending() int {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	return b.queue.pending()
}

// Dropped is how many updates were lost because the queue was full.
func (b *Bot) Dropped() int {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	return b.queue.dropped
}

// Commands is the JSON last given to setMyCommands for the scope (its JSON, ""
// for the default).
func (b *Bot) Commands(scope string) string {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	return string(b.s.commands[b.token+scope])
}

// private is the bot's chat with u, made on demand.
func (b *Bot) private(u *user) *chat {
	c := b.chats[u.id]
	if c == nil {
		c = &chat{s: b.s, id: u.id, kind: chatPrivate, bot: b, user: u}
		c.encode()
		b.chats[u.id] = c
		b.order = append(b.order, c)
	}
	return c
}
