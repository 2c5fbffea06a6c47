package simulator

import (
	"maps"
	"slices"
	"strings"
)

func sortedKeys(m map[string]bool) []string { return slices.Sorted(maps.Keys(m)) }

// Inject queues an update as it is: fields is the JSON behind update_id, for
// example `"message":{…}`, and may be of unknown kinds or not JSON at all.
// It returns the update's id.
func (s *Server) Inject(b *Bot, fields string) int64 {
	s.mu.Lock()
	id := b.queue.next
	s.pushRaw(b, laneKey{chat: 0, class: -1}, updateLife, nil, []byte(fields))
	s.mu.Unlock()
	s.notify()
	return id
}

// Poison queues a series of updates that a desk must survive: unknown kinds, wrong
// types, missing fields, odd ids, deep nesting, a huge text. All are valid JSON. It
// returns how many.
func (s *Server) Poison(b *Bot) int {
	list := []string{
		`"unheard_of":{"id":1}`,
		`"message":null`,
		`"message":{}`,
		`"message":{"message_id":0,"date":0,"chat":{"id":0,"type":""}}`,
		`"message":{"message_id":7,"date":1,"chat":{"id":77,"type":"private","first_name":"X"}}`,
		`"message":{"message_id":8,"date":1,"chat":{"id":-77,"type":"nonsense"},"text":""}`,
		`"message":{"message_id":9,"date":1,"from":{"id":78,"is_bot":false,"first_name":""},"chat":{"id":78,"type":"private"},"brand_new":{"x":[1,2,3]}}`,
		`"message":"a text instead of an object"`,
		`"message":{"message_id":"ten","date":"now","chat":[]}`,
		`"edited_message":{"message_id":999999,"date":1,"edit_date":2,"chat":{"id":79,"type":"private"},"text":"never seen before"}`,
		`"callback_query":{"id":"1","from":{"id":80,"is_bot":false,"first_name":"Y"},"chat_instance":"1"}`,
		`"my_chat_member":{"chat":{"id":81,"type":"private"}}`,
		`"message_reaction":{"chat":{"id":82,"type":"private"},"message_id":1,"date":1,"old_reaction":[],"new_reaction":[{"type":"unknown"}]}`,
		`"x":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000),
		`"message":{"message_id":10,"date":1,"chat":{"id":83,"type":"channel","title":"c"},"text":"` + strings.Repeat("huge ", 200_000) + `"}`,
	}
	for _, f := range list {
		s.Inject(b, f)
	}
	return len(list)
}
