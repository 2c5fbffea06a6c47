package simulator

// What people do to topics by hand, in their own name or in the group's. Each of
// it makes a service message that bots see, but the deletion, of which nothing
// tells. As in Telegram, doing what is done already does nothing.

// CreateTopic makes a topic by hand.
func (o *Operator) CreateTopic(name string) Topic {
	o.s.mu.Lock()
	defer o.s.notify()
	defer o.s.mu.Unlock()
	return o.s.newTopic(o.chat(), o.u, o.as(), cleanName(name), "", 0).view()
}

// CloseTopic closes it by hand.
func (o *Operator) CloseTopic(id int64) { o.setClosed(id, true) }

// ReopenTopic opens it by hand.
func (o *Operator) ReopenTopic(id int64) { o.setClosed(id, false) }

func (o *Operator) setClosed(id int64, closed bool) {
	o.topic(id, func(c *chat, t *topic) {
		if t.closed != closed {
			o.s.setClosed(c, t, closed, o.as())
		}
	})
}

// RenameTopic renames it by hand.
func (o *Operator) RenameTopic(id int64, name string) {
	o.topic(id, func(c *chat, t *topic) { o.s.retitle(c, t, cleanName(name), t.emoji, o.as()) })
}

// SetTopicIcon changes its icon by hand, to a custom emoji's id ("" for none):
// bots see an edit without a name.
func (o *Operator) SetTopicIcon(id int64, emojiID string) {
	o.topic(id, func(c *chat, t *topic) { o.s.retitle(c, t, t.name, emojiID, o.as()) })
}

// DeleteTopic deletes it with all its messages: no update tells of it.
func (o *Operator) DeleteTopic(id int64) {
	o.topic(id, func(c *chat, t *topic) { o.s.removeTopic(c, t, o.u) })
}

func (o *Operator) topic(id int64, f func(*chat, *topic)) {
	o.s.mu.Lock()
	c := o.chat()
	if t := c.topics[id]; t != nil && !t.deleted && o.may() {
		f(c, t)
	}
	o.s.mu.Unlock()
	o.s.notify()
}
