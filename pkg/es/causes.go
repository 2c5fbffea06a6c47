package es

import (
	"strconv"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// RememberedCauses is how many causes beside the watermarks an aggregate remembers.
const RememberedCauses = 256

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

// causes is what an aggregate has handled. Message ids of a chat only grow, so one watermark a chat covers all plain
// messages for ever; everything else is remembered by name, the last RememberedCauses of them.
type causes struct {
	watermarks map[int64]int64
	recent     []string
	index      map[string]struct{}
}

func newCauses(from *eventv1.Causes) *causes {
	c := &causes{watermarks: map[int64]int64{}, index: map[string]struct{}{}}
	for chat, message := range from.GetWatermarks() {
		c.watermarks[chat] = message
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
		return cause.GetMessage() <= c.watermarks[cause.GetChat()]
	}
	_, ok := c.index[CauseText(cause)]
	return ok
}

// add remembers a cause by its canonical text, the form in which commits carry it.
func (c *causes) add(text string) {
	if cause, ok := parseCause(text); ok && marked(cause) {
		c.watermarks[cause.GetChat()] = max(c.watermarks[cause.GetChat()], cause.GetMessage())
		return
	}
	c.remember(text)
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
	out := &eventv1.Causes{Watermarks: make(map[int64]int64, len(c.watermarks)), Recent: append([]string(nil), c.recent...)}
	for chat, message := range c.watermarks {
		out.Watermarks[chat] = message
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
