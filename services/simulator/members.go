package simulator

import (
	"strconv"
)

func getChat(c *call) ([]byte, *apiError) {
	ch, err := c.b.resolveChat(c.p, "chat_id")
	if err != nil {
		return nil, err
	}
	if ch.group() {
		if m := ch.members[c.b.u.id]; !m.in() {
			return nil, c.b.access(ch)
		}
	}
	b := append([]byte(nil), ch.json[:len(ch.json)-1]...)
	b = append(b, `,"accent_color_id":1,"max_reaction_count":11,"accepted_gift_types":{"unlimited_gifts":false,"limited_gifts":false,"unique_gifts":false,"premium_subscription":false,"gifts_from_channels":false}`...)
	if ch.group() {
		b = append(b, `,"permissions":{"can_send_messages":true,"can_manage_topics":false},"join_to_send_messages":true`...)
		if ch.protected {
			b = append(b, `,"has_protected_content":true`...)
		}
	} else if ch.user.username != "" {
		b = append(appendString(append(b, `,"active_usernames":[`...), ch.user.username), ']')
	}
	return append(b, '}'), nil
}

// append appends the ChatMember.
func (m *member) append(b []byte) []byte {
	b = appendString(append(b, `{"status":`...), m.status)
	b = append(append(b, `,"user":`...), m.u.json...)
	flag := func(name string, v bool) {
		b = append(append(append(b, `,"`...), name...), `":`...)
		b = strconv.AppendBool(b, v)
	}
	switch m.status {
	case "creator":
		flag("is_anonymous", m.anonymous)
	case "administrator":
		r := m.rights
		flag("is_anonymous", m.anonymous)
		flag("can_be_edited", false)
		flag("can_manage_chat", true)
		flag("can_delete_messages", r.DeleteMessages)
		flag("can_manage_video_chats", false)
		flag("can_restrict_members", r.RestrictMembers)
		flag("can_promote_members", r.PromoteMembers)
		flag("can_change_info", r.ChangeInfo)
		flag("can_invite_users", r.InviteUsers)
		flag("can_post_stories", false)
		flag("can_edit_stories", false)
		flag("can_delete_stories", false)
		flag("can_pin_messages", r.PinMessages)
		flag("can_manage_topics", r.ManageTopics)
		flag("can_send_welcome_messages", false)
	case "kicked":
		b = append(b, `,"until_date":0`...)
	}
	return append(b, '}')
}

// memberChat resolves the group whose members a call asks for.
func (c *call) memberChat() (*chat, *apiError) {
	ch, err := c.b.resolveChat(c.p, "chat_id")
	if err != nil {
		return nil, err
	}
	if ch.group() && !ch.members[c.b.u.id].in() {
		return nil, c.b.access(ch)
	}
	return ch, nil
}

func getChatMember(c *call) ([]byte, *apiError) {
	ch, err := c.memberChat()
	if err != nil {
		return nil, err
	}
	u := c.s.users[c.p.int64("user_id")]
	if u == nil {
		return nil, badRequest("PARTICIPANT_ID_INVALID")
	}
	if m := ch.members[u.id]; m != nil {
		return m.append(nil), nil
	}
	status := "left"
	if !ch.group() {
		status = "member"
	}
	return (&member{u: u, status: status}).append(nil), nil
}

func getChatAdministrators(c *call) ([]byte, *apiError) {
	ch, err := c.memberChat()
	if err != nil {
		return nil, err
	}
	if !ch.group() {
		return nil, badRequest("there are no administrators in the private chat")
	}
	b := []byte{'['}
	for _, m := range ch.sortedMembers() {
		// other bots are left out, the bot itself is shown
		if !m.admin() || m.u.bot && m.u != c.b.u && !c.p.bool("return_bots") {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = m.append(b)
	}
	return append(b, ']'), nil
}

func getChatMemberCount(c *call) ([]byte, *apiError) {
	ch, err := c.memberChat()
	if err != nil {
		return nil, err
	}
	n := 2
	if ch.group() {
		n = 0
		for _, m := range ch.members {
			if m.in() {
				n++
			}
		}
	}
	return strconv.AppendInt(nil, int64(n), 10), nil
}

func leaveChat(c *call) ([]byte, *apiError) {
	ch, err := c.b.resolveChat(c.p, "chat_id")
	if err != nil {
		return nil, err
	}
	if !ch.group() {
		return nil, badRequest("chat member status can't be changed in private chats")
	}
	if err := c.b.access(ch); err != nil {
		return nil, err
	}
	c.s.setMember(ch, c.b.u, c.b.u, member{u: c.b.u, status: "left"})
	return []byte("true"), nil
}

// setMember changes a membership, and tells the bot if it is its own.
func (s *Server) setMember(ch *chat, u, by *user, to member) {
	old := ch.members[u.id]
	if old == nil {
		old = &member{u: u, status: "left"}
	}
	ch.members[u.id] = &to
	for _, b := range s.bots {
		kind := "chat_member"
		if b.u == u {
			kind = "my_chat_member"
		} else if !ch.members[b.u.id].admin() {
			continue
		}
		s.push(b, kind, ch.id, 0, nil, func(*Bot) []byte { return s.memberUpdate(kind, ch, by, old, &to) })
	}
}

func (s *Server) memberUpdate(kind string, ch *chat, by *user, old, to *member) []byte {
	b := append(append(append([]byte{'"'}, kind...), `":{"chat":`...), ch.json...)
	b = append(append(b, `,"from":`...), by.json...)
	b = appendIntField(b, "date", s.clock.Now().Unix())
	b = old.append(append(b, `,"old_chat_member":`...))
	return append(to.append(append(b, `,"new_chat_member":`...)), '}')
}
