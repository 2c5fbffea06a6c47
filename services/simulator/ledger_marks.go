package simulator

// search finds the record with this id in a ledger that ascends by id.
func search[T any](list []T, id int64, key func(*T) int32) *T {
	lo, hi := 0, len(list)
	for lo < hi {
		if mid := (lo + hi) / 2; int64(key(&list[mid])) < id {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo < len(list) && int64(key(&list[lo])) == id {
		return &list[lo]
	}
	return nil
}

func (c *chat) original(id int64) *original {
	return search(c.led.originals, id, func(o *original) int32 { return o.id })
}

func (c *chat) answer(id int64) *answer {
	return search(c.groupLed.answers, id, func(a *answer) int32 { return a.id })
}

// refuseCopy records that Telegram would not copy the message.
func (c *chat) refuseCopy(id int64) {
	if o := c.original(id); o != nil {
		o.flags |= flagRefused
	}
	if a := c.answer(id); a != nil {
		a.flags |= flagRefused
	}
}

// broken records whether an operator's message carries the bot's 💔.
func (c *chat) broken(id int64, yes bool) {
	if a := c.answer(id); a != nil {
		if a.flags &^= flagBroken; yes {
			a.flags |= flagBroken
		}
	}
}

// edited records an edit: a desk may copy the message once more.
func (c *chat) edited(id int64) {
	if o := c.original(id); o != nil {
		o.edits++
	}
	if a := c.answer(id); a != nil {
		a.edits++
	}
}
