package simulator

import (
	"strings"
)

type user struct {
	id          int64
	bot         bool
	first, last string
	username    string
	lang        string
	deactivated bool
	json        []byte
}

func (s *Server) newUser(id int64, name string) *user {
	first, last, _ := strings.Cut(name, " ")
	u := &user{id: id, first: first, last: last, lang: "en"}
	u.encode()
	s.users[id] = u
	return u
}

func (u *user) name() string { return strings.TrimSpace(u.first + " " + u.last) }

func (u *user) encode() {
	b := appendIntField(nil, "id", u.id)
	b[0] = '{'
	if u.bot {
		b = append(b, `,"is_bot":true`...)
	} else {
		b = append(b, `,"is_bot":false`...)
	}
	b = appendField(b, "first_name", u.first)
	if u.last != "" {
		b = appendField(b, "last_name", u.last)
	}
	if u.username != "" {
		b = appendField(b, "username", u.username)
	}
	if u.lang != "" && !u.bot {
		b = appendField(b, "language_code", u.lang)
	}
	u.json = append(b, '}')
}

// groupAnonymousBot is the account under which anonymous administrators write.
func groupAnonymousBot() *user {
	u := &user{id: 1087968824, bot: true, first: "Group", username: "GroupAnonymousBot"}
	u.encode()
	return u
}

type chatKind int

const (
	chatPrivate chatKind = iota
	chatBasic
	chatSuper
)

// chat holds the messages of a private chat, as one bot sees it, or of a group.
type chat struct {
	s     *Server
	id    int64
	kind  chatKind
	title string
	json  []byte

	// private
	bot     *Bot
	user    *user
	started bool
	blocked bool
	led     dialogLedger

	// group
	forum         bool
	generalClosed bool
	protected     bool
	refuse        bool // nothing is copied from here
	migratedTo    *chat
	members       map[int64]*member
	lastID        int64
	topics        map[int64]*topic
	topicOrder    []*topic
	groupLed      groupLedger

	log   []*message // ascending ids
	total int
}

type member struct {
	u         *user
	status    string // creator administrator member restricted left kicked
	rights    Rights
	anonymous bool
	muted     bool // may not write
}

// Rights of an administrator, by the names of the Bot API.
type Rights struct {
	ManageTopics    bool `json:"can_manage_topics"`
	DeleteMessages  bool `json:"can_delete_messages"`
	PinMessages     bool `json:"can_pin_messages"`
	RestrictMembers bool `json:"can_restrict_members"`
	ChangeInfo      bool `json:"can_change_info"`
	InviteUsers     bool `json:"can_invite_users"`
	PromoteMembers  bool `json:"can_promote_members"`
}

// AllRights is what an owner usually gives a desk's bot.
func AllRights() Rights { return Rights{true, true, true, true, true, true, false} }

func (m *member) in() bool { return m != nil && m.status != "left" && m.status != "kicked" }
func (m *member) admin() bool {
	return m != nil && (m.status == "creator" || m.status == "administrator")
}

func (m *member) can(right func(Rights) bool) bool {
	return m != nil && (m.status == "creator" || m.status == "administrator" && right(m.rights))
}

func canManageTopics(r Rights) bool { return r.ManageTopics }
func canDelete(r Rights) bool       { return r.DeleteMessages }
func canPin(r Rights) bool          { return r.PinMessages }

func (c *chat) group() bool { return c.kind != chatPrivate }

func (c *chat) typeName() string {
	return [...]string{"private", "group", "supergroup"}[c.kind]
}

func (c *chat) encode() {
	b := appendIntField(nil, "id", c.id)
	b[0] = '{'
	b = appendField(b, "type", c.typeName())
	if c.user != nil {
		b = appendField(b, "first_name", c.user.first)
		if c.user.last != "" {
			b = appendField(b, "last_name", c.user.last)
		}
		if c.user.username != "" {
			b = appendField(b, "username", c.user.username)
		}
	} else {
		b = appendField(b, "title", c.title)
	}
	if c.forum {
		b = append(b, `,"is_forum":true`...)
	}
	c.json = append(b, '}')
}

// newMessageID takes the next id: private chats and basic groups of an account
// share one sequence, a supergroup has its own.
func (c *chat) newMessageID() int64 {
	if c.kind == chatSuper {
		c.lastID++
		return c.lastID
	}
	b := c.bot
	if b == nil {
		b = c.s.bots[0]
	}
	b.lastID++
	return b.lastID
}

// find returns the message, nil when it never was, is deleted or forgotten.
func (c *chat) find(id int64) *message {
	lo, hi := 0, len(c.log)
	for lo < hi {
		mid := (lo + hi) / 2
		if c.log[mid].id < id {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(c.log) && c.log[lo].id == id && !c.log[lo].deleted {
		return c.log[lo]
	}
	if t := c.topics[id]; t != nil && !t.deleted && !t.root.deleted {
		return t.root
	}
	return nil
}

func (c *chat) remember(m *message) {
	c.log = append(c.log, m)
	c.total++
	if keep := c.s.cfg.Retention; keep > 0 && len(c.log) >= 2*keep {
		c.log = append(make([]*message, 0, 2*keep), c.log[len(c.log)-keep:]...)
	}
}

// sees tells whether b gets the messages that people write in c.
func (c *chat) sees(b *Bot, m *message) bool {
	mem := c.members[b.u.id]
	if !mem.in() {
		return false
	}
	return mem.admin() || !b.privacy || strings.HasPrefix(m.c.Text, "/") || m.c.Kind == KindService
}

// resolveChat finds the chat that a call names.
func (b *Bot) resolveChat(p params, key string) (*chat, *apiError) {
	raw, ok := p.get(key)
	if !ok || len(raw) == 0 {
		return nil, badRequest(key + " is empty")
	}
	id := p.int64(key)
	if raw[0] == '@' {
		id = b.s.names[string(raw)]
	}
	if id == 0 {
		return nil, badRequest(textChatNotFound)
	}
	if c := b.chats[id]; c != nil && c.started {
		return c, nil
	}
	if c := b.s.chats[id]; c != nil {
		if c.migratedTo != nil {
			return nil, &apiError{code: 400, text: "Bad Request: group chat was upgraded to a supergroup chat", migrate: c.migratedTo.id}
		}
		if c.members[b.u.id] != nil {
			return c, nil
		}
		return nil, badRequest(textChatNotFound)
	}
	if u := b.s.users[id]; u != nil && b.seen[id] {
		return b.private(u), nil
	}
	return nil, badRequest(textChatNotFound)
}

// access refuses a chat that the bot cannot reach.
func (b *Bot) access(c *chat) *apiError {
	if c.kind == chatPrivate {
		switch {
		case c.user.deactivated:
			return forbidden("user is deactivated")
		case c.blocked:
			return forbidden("bot was blocked by the user")
		case !c.started:
			return forbidden("bot can't initiate conversation with a user")
		}
		return nil
	}
	kind := map[chatKind]string{chatBasic: "group", chatSuper: "supergroup"}[c.kind]
	switch m := c.members[b.u.id]; {
	case m.status == "kicked":
		return forbidden("bot was kicked from the " + kind + " chat")
	case m.status == "left":
		return forbidden("bot is not a member of the " + kind + " chat")
	case m.muted:
		return badRequest("have no write access to the chat")
	}
	return nil
}
