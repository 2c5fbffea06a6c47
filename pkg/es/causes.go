package es

import (
	"slices"
	"strconv"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const (
	// RememberedCauses is how many causes without a message an aggregate remembers.
	RememberedCauses = 256
	// RememberedMessages is how many of a chat's newest messages an aggregate remembers one by one: one that comes late, out
	// of its order, is told from one that comes again. Anything older counts as handled.
	RememberedMessages = 64
)

// CauseText is the canonical text of a cause: equal causes have equal texts, within a connection.
func CauseText(c *eventv1.Cause) string {
	b := make([]byte, 0, 48)
	b = strconv.AppendInt(b, int64(c.GetKind()), 10)
	for _, n := range []int64{c.GetChat(), c.GetMessage(), c.GetEditDate()} {
		b = append(b, '/')
		b = strconv.AppendInt(b, n, 10)
	}
	b = append(b, '/')
	return string(append(b, c.GetKey()...))
}

// causes is what an aggregate has handled: of each chat the newest messages by their ids, and by a watermark all before them;
// everything else by name, the last RememberedCauses of them. The highest id alone would not do: a message that is overtaken
// by a later one – set aside for a while, or handed over by another source – would be taken for a repetition, and lost.
type causes struct {
	watermarks map[int64]int64
	messages   map[int64][]int64 // above the watermark, ascending
	recent     []string
	index      map[string]struct{}
}

func newCauses(from *eventv1.Causes) *causes {
	c := &causes{watermarks: map[int64]int64{}, messages: map[int64][]int64{}, index: map[string]struct{}{}}
	for chat, message := range from.GetWatermarks() {
		c.watermarks[chat] = message
	}
	for chat, handled := range from.GetHandled() {
		c.messages[chat] = slices.Clone(handled.GetMessages())
	}
	for _, text := range from.GetRecent() {
		c.remember(text)
	}
	return c
}

func marked(c *eventv1.Cause) bool {
	return c.GetKind() == eventv1.Cause_KIND_MESSAGE && c.GetMessage() > 0 && c.GetKey() == ""
}

// handled tells whether the cause was handled before.
func (c *causes) handled(cause *eventv1.Cause) bool {
	if marked(cause) {
		if cause.GetMessage() <= c.watermarks[cause.GetChat()] {
			return true
		}
		_, known := slices.BinarySearch(c.messages[cause.GetChat()], cause.GetMessage())
		return known
	}
	_, ok := c.index[CauseText(cause)]
	return ok
}

// add remembers a cause by its canonical text, the form in which commits carry it.
func (c *causes) add(text string) {
	if cause, ok := parseCause(text); ok && marked(cause) {
		c.passed(cause.GetChat(), cause.GetMessage())
		return
	}
	c.remember(text)
}

// passed remembers a message of a chat; beyond the bound the watermark takes the oldest one in.
func (c *causes) passed(chat, message int64) {
	list := c.messages[chat]
	at, known := slices.BinarySearch(list, message)
	if known || message <= c.watermarks[chat] {
		return
	}
	list = slices.Insert(list, at, message)
	if len(list) > RememberedMessages {
		c.watermarks[chat] = list[0]
		list = slices.Delete(list, 0, 1)
	}
	c.messages[chat] = list
}

func (c *causes) remember(text string) {
	if _, ok := c.index[text]; ok {
		return
	}
	c.index[text] = struct{}{}
	c.recent = append(c.recent, text)
	if len(c.recent) > RememberedCauses {
		delete(c.index, c.recent[0])
		c.recent = c.recent[1:]
	}
}

func (c *causes) proto() *eventv1.Causes {
	out := &eventv1.Causes{
		Watermarks: make(map[int64]int64, len(c.watermarks)), Recent: append([]string(nil), c.recent...),
		Handled: make(map[int64]*eventv1.HandledMessages, len(c.messages)),
	}
	for chat, message := range c.watermarks {
		out.Watermarks[chat] = message
	}
	for chat, list := range c.messages {
		out.Handled[chat] = &eventv1.HandledMessages{Messages: slices.Clone(list)}
	}
	return out
}

// parseCause reads the numbers of a canonical text back.
func parseCause(text string) (*eventv1.Cause, bool) {
	var numbers [4]int64
	rest := text
	for i := range numbers {
		end := 0
		for end < len(rest) && rest[end] != '/' {
			end++
		}
		if end == len(rest) {
			return nil, false
		}
		n, err := strconv.ParseInt(rest[:end], 10, 64)
		if err != nil {
			return nil, false
		}
		numbers[i], rest = n, rest[end+1:]
	}
	return &eventv1.Cause{
		Kind: eventv1.Cause_Kind(numbers[0]), Chat: numbers[1], Message: numbers[2], EditDate: numbers[3], Key: rest,
	}, true
}
