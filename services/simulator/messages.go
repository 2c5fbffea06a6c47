package simulator

import (
	"strconv"
	"time"
)

// Ref names a message.
type Ref struct {
	Chat int64 `json:"chat,omitempty"`
	ID   int64 `json:"id,omitempty"`
}

// Message is a picture of a message as it was when asked for.
type Message struct {
	Chat int64 `json:"chat"`
	ID   int64 `json:"id"`
	// Topic is 0 in General and in chats without topics.
	Topic   int64  `json:"topic,omitempty"`
	From    int64  `json:"from"`
	Name    string `json:"name"`
	FromBot bool   `json:"from_bot,omitempty"`
	Kind    Kind   `json:"kind"`
	// Text or caption.
	Text    string `json:"text,omitempty"`
	ReplyTo int64  `json:"reply_to,omitempty"`
	// Album is media_group_id.
	Album string `json:"album,omitempty"`
	// Source of a copy or forward.
	Source    Ref    `json:"source,omitzero"`
	Forwarded bool   `json:"forwarded,omitempty"`
	Edits     int    `json:"edits,omitempty"`
	Deleted   bool   `json:"deleted,omitempty"`
	Pinned    bool   `json:"pinned,omitempty"`
	Silent    bool   `json:"silent,omitempty"`
	Reaction  string `json:"reaction,omitempty"` // the bot's
	// Reactions of people, in the order in which they came.
	Reactions []Reaction `json:"reactions,omitempty"`
	Buttons   string     `json:"buttons,omitempty"` // reply_markup, JSON
	Protected bool       `json:"protected,omitempty"`
	Date      time.Time  `json:"date"`
}

type message struct {
	id, thread, replyTo  int64
	date, editDate       int64
	chat                 *chat
	from                 *user
	sender               *chat // of anonymous administrators
	c                    *Content
	src                  Ref
	album                uint64
	seq                  uint32
	edits, files         int32      // how often the message, and its file, were changed
	past                 []*Content // what it said before its last edits
	editSeq              uint32     // the latest message when it was edited last
	fwd, deleted, pinned bool
	again                bool // a desk may send it by content
	silent, protected    bool
	reaction             string // the bot's
	others               []Reaction
	markup               string
}

func (m *message) view() Message {
	out := Message{Chat: m.chat.id, ID: m.id, Topic: m.thread, From: m.from.id, Name: m.from.name(),
		FromBot: m.from.bot && m.sender == nil, Kind: m.c.Kind, Text: m.c.Text, ReplyTo: m.replyTo,
		Source: m.src, Forwarded: m.fwd, Edits: int(m.edits), Deleted: m.deleted, Pinned: m.pinned,
		Silent: m.silent, Reaction: m.reaction, Reactions: m.others, Buttons: m.markup, Protected: m.protected,
		Date: time.Unix(m.date, 0).UTC()}
	if m.album != 0 {
		out.Album = strconv.FormatUint(m.album, 10)
	}
	return out
}

func (m *message) copyable() bool { return m.c.Copyable() }

// refused tells whether Telegram copies m.
func (m *message) refused() bool { return !m.copyable() || m.c.refuse || m.chat.refuse }

// post is everything that makes a new message.
type post struct {
	chat      *chat
	from      *user
	sender    *chat
	bot       *Bot // the author, nil for people
	c         *Content
	thread    int64
	replyTo   int64
	src       Ref
	fwd       bool
	album     uint64
	markup    string
	silent    bool
	protected bool
}

// put appends a message to its chat and tells whoever must know.
func (s *Server) put(o post) *message {
	s.seq++
	m := &message{id: o.chat.newMessageID(), seq: s.seq, date: s.clock.Now().Unix(), chat: o.chat, from: o.from,
		sender: o.sender, c: o.c, thread: o.thread, replyTo: o.replyTo, src: o.src, fwd: o.fwd, album: o.album,
		markup: o.markup, silent: o.silent, protected: o.protected || o.c.protect}
	if m.markup == "" {
		m.markup = o.c.markup
	}
	if o.bot != nil && o.src == (Ref{}) {
		m.src = s.resent(m)
	}
	o.chat.remember(m)
	if o.bot == nil {
		s.mayBeResent(m)
	}
	if t := o.chat.topics[o.thread]; t != nil {
		t.messages++
	}
	s.account(m, o.bot)
	if o.bot == nil || o.c.Kind == KindService {
		s.deliver("message", m)
	}
	if s.load != nil {
		s.load.posted(m, o.bot)
	}
	return m
}

// deliver queues m for every bot that Telegram shows it to.
func (s *Server) deliver(kind string, m *message) {
	if m.c.Kind == KindSelfDestruct {
		return
	}
	build := func(b *Bot) []byte {
		buf := append(append(make([]byte, 0, 768), '"'), kind...)
		return m.append(append(buf, '"', ':'), b, true)
	}
	if m.chat.kind == chatPrivate {
		s.push(m.chat.bot, kind, m.chat.id, 0, m, build)
		return
	}
	for _, b := range s.bots {
		if m.chat.sees(b, m) {
			b.seen[m.from.id] = true
			s.push(b, kind, m.chat.id, 0, m, build)
		}
	}
}

// append appends m as b sees it; full adds the message it answers.
func (m *message) append(b []byte, bot *Bot, full bool) []byte {
	b = strconv.AppendInt(append(b, `{"message_id":`...), m.id, 10)
	b = append(append(b, `,"from":`...), m.from.json...)
	if m.sender != nil {
		b = append(append(b, `,"sender_chat":`...), m.sender.json...)
	}
	b = append(append(b, `,"chat":`...), m.chat.json...)
	b = appendIntField(b, "date", m.date)
	if m.editDate != 0 {
		b = appendIntField(b, "edit_date", m.editDate)
	}
	if m.thread != 0 {
		b = appendIntField(b, "message_thread_id", m.thread)
		b = append(b, `,"is_topic_message":true`...)
	}
	if full {
		b = m.appendReply(b, bot)
	}
	if m.album != 0 {
		b = appendField(b, "media_group_id", strconv.FormatUint(m.album, 10))
	}
	if m.protected || m.chat.protected {
		b = append(b, `,"has_protected_content":true`...)
	}
	b = m.appendOrigin(b)
	b = m.c.append(b, fileKey{bot.u.id, m.chat.id, m.id, int64(m.files)})
	if m.markup != "" {
		b = append(append(b, `,"reply_markup":`...), m.markup...)
	}
	return append(append(b, m.c.fields...), '}')
}

// appendReply adds reply_to_message; a message in a topic that answers nothing
// answers the topic's root.
func (m *message) appendReply(b []byte, bot *Bot) []byte {
	to := m.replyTo
	if to == 0 {
		to = m.thread
	}
	if to == 0 || to == m.id {
		return b
	}
	t := m.chat.topics[to]
	if t == nil {
		if r := m.chat.find(to); r != nil {
			return r.append(append(b, `,"reply_to_message":`...), bot, false)
		}
		return b
	}
	if t.rootJSON == nil {
		t.rootJSON = t.root.append(nil, bot, false)
	}
	return append(append(b, `,"reply_to_message":`...), t.rootJSON...)
}

func (m *message) appendOrigin(b []byte) []byte {
	if m.fwd {
		return appendOriginUser(b, m)
	}
	if m.c.forward != "" {
		b = appendField(append(b, `,"forward_origin":{"type":"hidden_user"`...), "sender_user_name", m.c.forward)
		b = append(appendIntField(b, "date", m.date-3600), '}')
	}
	if m.c.via != "" {
		b = append(b, `,"via_bot":{"id":8000000001,"is_bot":true,"first_name":"Inline"`...)
		b = append(appendField(b, "username", m.c.via), '}')
	}
	return b
}

func appendOriginUser(b []byte, m *message) []byte {
	from := m.from
	if src := m.chat.s.lookup(m); src != nil {
		from = src.from
	}
	b = append(append(b, `,"forward_origin":{"type":"user","sender_user":`...), from.json...)
	return append(appendIntField(b, "date", m.date), '}')
}

// lookup finds the source of a copy.
func (s *Server) lookup(m *message) *message {
	for _, b := range s.bots {
		if c := b.chats[m.src.Chat]; c != nil && (m.chat.bot == nil || m.chat.bot == b) {
			if src := c.find(m.src.ID); src != nil {
				return src
			}
		}
	}
	if c := s.chats[m.src.Chat]; c != nil {
		return c.find(m.src.ID)
	}
	return nil
}
