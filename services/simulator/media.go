package simulator

import (
	"strconv"
	"strings"
)

// sendMedia serves the send… methods whose media are in the argument of the
// kind's name.
func sendMedia(kind Kind) handler {
	return func(c *call) ([]byte, *apiError) {
		caption, err := c.text("caption", 1024, "", "message caption is too long")
		if err != nil {
			return nil, err
		}
		content, src, err := c.media(kind, string(kind), c.p)
		if err != nil {
			return nil, err
		}
		content.Text, content.entities = caption.Text, caption.entities
		t, err := c.target(1)
		if err != nil {
			return nil, err
		}
		return c.result(c.emit(t, content, src, 0)), nil
	}
}

// media makes the content of an uploaded file, a URL or a file id. A file id
// leads back to the message it came with.
func (c *call) media(kind Kind, key string, p params) (Content, Ref, *apiError) {
	for i := range p {
		if p[i].key != key {
			continue
		}
		if p[i].file != "" {
			return Content{Kind: kind, name: p[i].file}, Ref{}, nil
		}
		return c.fileID(kind, string(p[i].val))
	}
	return Content{}, Ref{}, badRequest("there is no " + string(kind) + " in the request")
}

func (c *call) fileID(kind Kind, val string) (Content, Ref, *apiError) {
	if strings.HasPrefix(val, "http://") || strings.HasPrefix(val, "https://") {
		return Content{Kind: kind, name: val[strings.LastIndexByte(val, '/')+1:]}, Ref{}, nil
	}
	if strings.HasPrefix(val, "attach://") {
		return Content{Kind: kind, name: strings.TrimPrefix(val, "attach://")}, Ref{}, nil
	}
	got, key, ok := decodeFileID(val)
	if !ok || key.bot != c.b.u.id {
		return Content{}, Ref{}, badRequest("wrong file identifier/HTTP URL specified")
	}
	if got != kind {
		return Content{}, Ref{}, badRequest("type of file mismatch")
	}
	content := Content{Kind: kind, file: val}
	src := Ref{key.chat, key.id}
	if m := c.s.lookupFor(c.b, src); m != nil && int64(m.files) == key.file {
		content.name = m.c.name
	}
	return content, src, nil
}

// lookupFor finds a message that b can see.
func (s *Server) lookupFor(b *Bot, r Ref) *message {
	if c := b.chats[r.Chat]; c != nil {
		return c.find(r.ID)
	}
	if c := s.chats[r.Chat]; c != nil {
		return c.find(r.ID)
	}
	return nil
}

func sendMediaGroup(c *call) ([]byte, *apiError) {
	items := c.p.array("media")
	if len(items) < 2 || len(items) > 10 {
		return nil, badRequest("wrong number of media in the album: expected 2-10")
	}
	t, err := c.target(len(items))
	if err != nil {
		return nil, err
	}
	type part struct {
		content Content
		src     Ref
	}
	var parts []part
	for _, raw := range items {
		p := parseObject(raw)
		content, src, err := c.fileID(Kind(p.str("type")), p.str("media"))
		if err != nil {
			return nil, err
		}
		content.Text = p.str("caption")
		parts = append(parts, part{content, src})
	}
	album, b := c.s.albumID(), []byte{'['}
	for i, p := range parts {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, c.result(c.emit(t, p.content, p.src, album))...)
	}
	return append(b, ']'), nil
}

func (s *Server) albumID() uint64 {
	s.album++
	return 13_500_000_000_000_000 + s.album
}

// sendOther serves the kinds whose arguments are plain values.
func sendOther(kind Kind) handler {
	return func(c *call) ([]byte, *apiError) {
		content, err := c.plain(kind)
		if err != nil {
			return nil, err
		}
		t, err := c.target(1)
		if err != nil {
			return nil, err
		}
		return c.result(c.emit(t, content, Ref{}, 0)), nil
	}
}

func (c *call) plain(kind Kind) (Content, *apiError) {
	lat, _ := strconv.ParseFloat(c.p.str("latitude"), 64)
	lon, _ := strconv.ParseFloat(c.p.str("longitude"), 64)
	content := Content{Kind: kind, lat: lat, lon: lon}
	switch kind {
	case KindContact:
		content.extra, content.name = c.p.str("phone_number"), c.p.str("first_name")
		if content.extra == "" {
			return content, badRequest("phone number must be non-empty")
		}
	case KindVenue:
		content.name, content.extra = c.p.str("title"), c.p.str("address")
	case KindDice:
		if content.name = c.p.str("emoji"); content.name == "" {
			content.name = "🎲"
		}
	case KindPoll:
		content.name = c.p.str("question")
		for _, raw := range c.p.array("options") {
			if raw[0] == '"' {
				content.options = append(content.options, string(scalar(raw)))
			} else {
				content.options = append(content.options, parseObject(raw).str("text"))
			}
		}
		if len(content.options) == 0 {
			return content, badRequest("poll must have at least 1 option")
		}
	case KindGame:
		content.name = c.p.str("game_short_name")
	case KindInvoice, KindChecklist:
		content.name = c.p.str("title")
	case KindLocation:
		return c.place(content)
	}
	return content, nil
}

func sendChatAction(c *call) ([]byte, *apiError) {
	ch, err := c.b.resolveChat(c.p, "chat_id")
	if err != nil {
		return nil, err
	}
	if err := c.b.access(ch); err != nil {
		return nil, err
	}
	// a vanished topic goes unnoticed here, as at Telegram
	if err := c.s.limits.typing(c, ch, c.s.clock.Now()); err != nil {
		return nil, err
	}
	return []byte("true"), nil
}
