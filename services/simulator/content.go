package simulator

import (
	"encoding/json"
	"slices"
	"strconv"
)

// Kind of a message's content.
type Kind string

// The kinds of content.
const (
	KindText            Kind = "text"
	KindPhoto           Kind = "photo"
	KindVideo           Kind = "video"
	KindAnimation       Kind = "animation"
	KindAudio           Kind = "audio"
	KindDocument        Kind = "document"
	KindSticker         Kind = "sticker"
	KindVoice           Kind = "voice"
	KindVideoNote       Kind = "video_note"
	KindLocation        Kind = "location"
	KindLiveLocation    Kind = "live_location"
	KindContact         Kind = "contact"
	KindVenue           Kind = "venue"
	KindPoll            Kind = "poll"
	KindQuiz            Kind = "quiz"
	KindDice            Kind = "dice"
	KindGame            Kind = "game"
	KindChecklist       Kind = "checklist"
	KindStory           Kind = "story"
	KindPaidMedia       Kind = "paid_media"
	KindGiveaway        Kind = "giveaway"
	KindGiveawayWinners Kind = "giveaway_winners"
	KindInvoice         Kind = "invoice"
	KindSelfDestruct    Kind = "self_destruct" // bots never see it
	KindUnsupported     Kind = "unsupported"
	KindService         Kind = "service"
	KindAlbum           Kind = "album" // never a message: its items are
)

// Content is what a message says. Make it with the functions of this package;
// it is immutable, the methods return changed copies.
type Content struct {
	Kind Kind
	// Text, or the caption of media.
	Text string

	name     string // file name, title, emoji or question
	extra    string // a phone number, an address, the name of a service field
	lat, lon float64
	options  []string
	entities string // raw JSON
	markup   string // raw JSON
	fields   string // raw JSON fields, each with a leading comma
	forward  string // the hidden user it is forwarded from
	via      string
	album    string
	protect  bool
	refuse   bool   // Telegram does not copy it
	alone    bool   // Telegram copies it, but not as an answer
	live     int64  // seconds that a location moves
	heading  int64  // degrees, of a live location
	file     string // the file id with which a bot put it there
	items    []Content
}

// Text is a text message.
func Text(text string) Content { return Content{Kind: KindText, Text: text} }

// Photo with a caption, which may be empty.
func Photo(caption string) Content { return Content{Kind: KindPhoto, Text: caption} }

// Video with a caption.
func Video(caption string) Content { return Content{Kind: KindVideo, Text: caption, name: "clip.mp4"} }

// Animation is a GIF with a caption.
func Animation(caption string) Content {
	return Content{Kind: KindAnimation, Text: caption, name: "loop.mp4"}
}

// Audio is a piece of music with a title.
func Audio(title, caption string) Content {
	return Content{Kind: KindAudio, Text: caption, name: title}
}

// Document is a file with its name and a caption.
func Document(name, caption string) Content {
	return Content{Kind: KindDocument, Text: caption, name: name}
}

// Sticker with the emoji it stands for.
func Sticker(emoji string) Content { return Content{Kind: KindSticker, name: emoji} }

// Voice message with a caption.
func Voice(caption string) Content { return Content{Kind: KindVoice, Text: caption} }

// VideoNote is a round video.
func VideoNote() Content { return Content{Kind: KindVideoNote} }

// Location on the map.
func Location(lat, lon float64) Content { return Content{Kind: KindLocation, lat: lat, lon: lon} }

// LiveLocation moves for an hour: with every Edit to another LiveLocation. An
// Edit to a Location ends it.
func LiveLocation(lat, lon float64) Content {
	return Content{Kind: KindLiveLocation, lat: lat, lon: lon, live: livePeriod, heading: 90}
}

const livePeriod = 3600 // seconds

// Contact card.
func Contact(phone, name string) Content {
	return Content{Kind: KindContact, extra: phone, name: name}
}

// Venue is a named place.
func Venue(title, address string) Content {
	return Content{Kind: KindVenue, name: title, extra: address, lat: 36.72, lon: -4.42}
}

// Poll with its options.
func Poll(question string, options ...string) Content {
	return Content{Kind: KindPoll, name: question, options: options}
}

// Quiz is a poll with an answer that the bot does not know: it cannot be copied.
func Quiz(question string, options ...string) Content {
	return Content{Kind: KindQuiz, name: question, options: options}
}

// Dice shows a value of one of the dice emoji.
func Dice(emoji string) Content { return Content{Kind: KindDice, name: emoji} }

// Game by its title.
func Game(title string) Content { return Content{Kind: KindGame, name: title} }

// Checklist with its tasks.
func Checklist(title string, tasks ...string) Content {
	return Content{Kind: KindChecklist, name: title, options: tasks}
}

// Story of the sender.
func Story() Content { return Content{Kind: KindStory} }

// PaidMedia with a caption: it cannot be copied.
func PaidMedia(caption string) Content { return Content{Kind: KindPaidMedia, Text: caption} }

// Giveaway cannot be copied.
func Giveaway() Content { return Content{Kind: KindGiveaway} }

// GiveawayWinners cannot be copied.
func GiveawayWinners() Content { return Content{Kind: KindGiveawayWinners} }

// Invoice cannot be copied.
func Invoice(title string) Content { return Content{Kind: KindInvoice, name: title} }

// SelfDestruct is media with a timer: bots get no update about it at all.
func SelfDestruct() Content { return Content{Kind: KindSelfDestruct} }

// Unsupported is a kind that this server does not know: an update without
// content, which cannot be copied.
func Unsupported() Content { return Content{Kind: KindUnsupported} }

// Service message with one field, for example
// Service("message_auto_delete_timer_changed", `{"message_auto_delete_time":86400}`).
func Service(field, value string) Content {
	return Content{Kind: KindService, name: field, extra: value}
}

// Album of 2 to 10 items, which arrive as so many messages.
func Album(items ...Content) Content { return Content{Kind: KindAlbum, items: items} }

// Forwarded marks the message as forwarded from a hidden user.
func (c Content) Forwarded(from string) Content { c.forward = from; return c }

// ViaBot marks the message as made by an inline bot.
func (c Content) ViaBot(username string) Content { c.via = username; return c }

// WithButtons adds one row of URL buttons, text and URL in turn.
func (c Content) WithButtons(textAndURL ...string) Content {
	b := []byte(`{"inline_keyboard":[[`)
	for i := 0; i+1 < len(textAndURL); i += 2 {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(b, `{"text":`...), textAndURL[i])
		b = append(appendString(append(b, `,"url":`...), textAndURL[i+1]), '}')
	}
	c.markup = string(append(b, `]]}`...))
	return c
}

// WithFile names the file of media: in an Edit, another name is another file.
func (c Content) WithFile(name string) Content { c.name = name; return c }

// CopyRefused makes Telegram refuse to copy the message, as it may do with
// protected content. Sending the same anew is no copy, and not refused.
func (c Content) CopyRefused() Content { c.refuse = true; return c }

// AnswerRefused makes Telegram refuse to copy the message as an answer, as it
// may do since it sends such copies anew; without reply_parameters it copies it.
func (c Content) AnswerRefused() Content { c.alone = true; return c }

// Protected content cannot be forwarded.
func (c Content) Protected() Content { c.protect = true; return c }

// WithEntities adds formatting: the JSON array of MessageEntity.
func (c Content) WithEntities(rawJSON string) Content { c.entities = rawJSON; return c }

// InAlbum sends the message as a further item of the album called key, so that a
// test decides when each item arrives.
func (c Content) InAlbum(key string) Content { c.album = key; return c }

// WithField adds a field to the message as Telegram would send it; value is
// JSON. It panics on anything else.
func (c Content) WithField(name, value string) Content {
	if !json.Valid([]byte(value)) {
		panic("simulator: WithField needs JSON, got " + strconv.Quote(value))
	}
	c.fields += string(append(appendString([]byte(","), name), ':')) + value
	return c
}

// Copyable tells whether Telegram lets a bot copy this content.
func (c Content) Copyable() bool {
	switch c.Kind {
	case KindService, KindPaidMedia, KindGiveaway, KindGiveawayWinners, KindInvoice, KindQuiz, KindSelfDestruct, KindUnsupported:
		return false
	}
	return true
}

// captioned tells whether Text is a caption.
func (c *Content) captioned() bool {
	switch c.Kind {
	case KindPhoto, KindVideo, KindAnimation, KindAudio, KindDocument, KindVoice, KindPaidMedia:
		return true
	}
	return false
}

// copied is what a copy of c says.
func (c *Content) copied() *Content {
	if c.Kind != KindLiveLocation && c.forward == "" && c.via == "" && c.markup == "" && !c.protect && !c.refuse && !c.alone {
		return c
	}
	out := *c
	out.forward, out.via, out.markup, out.protect, out.refuse, out.alone = "", "", "", false, false, false
	if out.Kind == KindLiveLocation {
		out.Kind, out.live, out.heading = KindLocation, 0, 0
	}
	return &out
}

// same tells whether nobody would see a difference.
func (c *Content) same(o *Content) bool {
	return c.sameWords(o) && c.sameFile(o) && c.entities == o.entities && c.live == o.live && c.heading == o.heading
}

// sameFile tells whether an edit from c to o left the file alone.
func (c *Content) sameFile(o *Content) bool {
	return c.Kind == o.Kind && c.name == o.name && c.file == o.file
}

// sameWords compares what a message says, without its formatting and its kind.
func (c *Content) sameWords(o *Content) bool {
	return c.Text == o.Text && c.name == o.name && c.extra == o.extra && c.lat == o.lat && c.lon == o.lon && slices.Equal(c.options, o.options)
}
