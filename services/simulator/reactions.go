package simulator

import (
	"slices"
	"strings"
)

// Reaction of a person.
type Reaction struct {
	// From is the user's id; an anonymous administrator's is the group's.
	From int64 `json:"from"`
	// Emoji as given to React: one or several, separated by blanks.
	Emoji string `json:"emoji"`
}

// reactions that bots may set.
const reactions = "👍 👎 ❤ 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥 🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾 💋 🖕 😈 😴 😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇 😨 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡"

func setMessageReaction(c *call) ([]byte, *apiError) {
	m, err := c.own("react")
	if err != nil {
		return nil, err
	}
	list := c.p.array("reaction")
	if len(list) > 1 {
		return nil, badRequest("REACTIONS_TOO_MANY")
	}
	emoji := ""
	if len(list) == 1 {
		r := parseObject(list[0])
		if emoji = r.str("emoji"); r.str("type") != "emoji" || !knownReaction(emoji) {
			return nil, badRequest("REACTION_INVALID")
		}
	}
	m = m.albumHead()
	m.reaction = emoji
	m.chat.broken(m.id, emoji == "💔")
	e := Event{Kind: EventReaction, Chat: m.chat.id, Topic: m.thread, ID: m.id, Text: emoji, Who: c.b.u.name()}
	c.s.emit(e)
	return []byte("true"), nil
}

func knownReaction(emoji string) bool {
	emoji = strings.TrimSuffix(emoji, "\ufe0f")
	for r := range strings.FieldsSeq(reactions) {
		if r == emoji {
			return true
		}
	}
	return false
}

// albumHead is the message that shows the reactions on m: of an album, the first
// one that is left.
func (m *message) albumHead() *message {
	if m.album == 0 {
		return m
	}
	i := slices.Index(m.chat.log, m)
	for head := m; ; i-- {
		if i < 0 || m.id-m.chat.log[i].id > 100 {
			return head
		}
		if o := m.chat.log[i]; o.album == m.album && !o.deleted {
			head = o
		}
	}
}

// react records a person's reaction and tells the bots that may know. sender is
// the group for an anonymous administrator.
func (s *Server) react(ch *chat, id int64, by *user, sender *chat, emoji string) {
	m := ch.find(id)
	if m == nil {
		return
	}
	m = m.albumHead()
	who := by.id
	if sender != nil {
		who = sender.id
	}
	old := ""
	others := make([]Reaction, 0, len(m.others)+1)
	for _, r := range m.others {
		if r.From == who {
			old = r.Emoji
			continue
		}
		others = append(others, r)
	}
	if old == emoji {
		return
	}
	if emoji != "" {
		others = append(others, Reaction{who, emoji})
	}
	m.others = others
	s.emit(Event{Kind: EventReaction, Chat: ch.id, Topic: m.thread, ID: m.id, Text: emoji, Who: by.name()})
	for _, b := range s.bots {
		if ch.kind == chatPrivate && (ch.bot != b || s.cfg.NoPrivateReactions) || ch.group() && !ch.members[b.u.id].admin() {
			continue
		}
		s.push(b, "message_reaction", ch.id, 0, nil, func(*Bot) []byte {
			f := append([]byte(`"message_reaction":{"chat":`), ch.json...)
			f = appendIntField(f, "message_id", m.id)
			if sender != nil {
				f = append(append(f, `,"actor_chat":`...), sender.json...)
			} else {
				f = append(append(f, `,"user":`...), by.json...)
			}
			f = appendIntField(f, "date", s.clock.Now().Unix())
			f = appendReactions(append(f, `,"old_reaction":`...), old)
			return append(appendReactions(append(f, `,"new_reaction":`...), emoji), '}')
		})
	}
}

// appendReactions appends the ReactionType of each emoji.
func appendReactions(b []byte, emoji string) []byte {
	b = append(b, '[')
	for i, e := range strings.Fields(emoji) {
		if i > 0 {
			b = append(b, ',')
		}
		id, custom := strings.CutPrefix(e, "custom:")
		switch {
		case custom:
			b = append(appendString(append(b, `{"type":"custom_emoji","custom_emoji_id":`...), id), '}')
		case e == "paid":
			b = append(b, `{"type":"paid"}`...)
		default:
			b = append(appendString(append(b, `{"type":"emoji","emoji":`...), e), '}')
		}
	}
	return append(b, ']')
}
