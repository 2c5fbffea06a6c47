package simulator

// Lookups between originals and their copies. From a copy back to its original
// lead Message.Source and Group.Message or Customer.Message.

// Copies of the message id of cust in the group, oldest first: the first copy
// and, after edits, its newer versions. Deleted ones are left out.
func (g *Group) Copies(cust *Customer, id int64) []Message {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	var out []Message
	if c := cust.b.chats[cust.u.id]; c != nil {
		for _, r := range c.led.desk {
			if r.to == g.c && int64(r.src) == id {
				if m := g.c.find(int64(r.dst)); m != nil {
					out = append(out, m.view())
				}
			}
		}
	}
	return out
}

// CopyOf is the newest of Copies, and whether there is one.
func (g *Group) CopyOf(cust *Customer, id int64) (Message, bool) { return newest(g.Copies(cust, id)) }

// Copies that the customer has of the message id of g, oldest first. Deleted
// ones are left out.
func (c *Customer) Copies(g *Group, id int64) []Message {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	var out []Message
	if ch := c.b.chats[c.u.id]; ch != nil {
		for _, r := range ch.led.answers {
			if r.from == g.c && int64(r.src) == id {
				if m := ch.find(int64(r.dst)); m != nil {
					out = append(out, m.view())
				}
			}
		}
	}
	return out
}

// CopyOf is the newest of Copies, and whether there is one.
func (c *Customer) CopyOf(g *Group, id int64) (Message, bool) { return newest(c.Copies(g, id)) }

func newest(list []Message) (Message, bool) {
	if len(list) == 0 {
		return Message{}, false
	}
	return list[len(list)-1], true
}
