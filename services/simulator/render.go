package simulator

import (
	"cmp"
	"strconv"
)

// append appends the fields of c, each with a leading comma.
func (c *Content) append(b []byte, k fileKey) []byte {
	switch c.Kind {
	case KindText:
		b = appendField(b, "text", c.Text)
		if c.entities != "" {
			b = append(append(b, `,"entities":`...), c.entities...)
		}
		return b
	case KindService:
		b = append(append(append(b, ',', '"'), c.name...), '"', ':')
		return append(b, c.extra...)
	case KindLocation, KindLiveLocation, KindContact, KindVenue, KindPoll, KindQuiz, KindDice, KindGame, KindChecklist:
		return c.appendStructured(b)
	case KindStory, KindGiveaway, KindGiveawayWinners, KindInvoice, KindUnsupported, KindPaidMedia:
		return c.appendCaption(c.appendRare(b))
	}
	return c.appendCaption(c.appendFile(b, k))
}

func (c *Content) appendCaption(b []byte) []byte {
	if c.Text == "" {
		return b
	}
	b = appendField(b, "caption", c.Text)
	if c.entities != "" {
		b = append(append(b, `,"caption_entities":`...), c.entities...)
	}
	return b
}

func (c *Content) appendFile(b []byte, k fileKey) []byte {
	id := k.encode(c.Kind)
	unique := k.unique()
	b = append(append(b, ',', '"'), c.Kind...)
	b = append(b, `":`...)
	if c.Kind == KindPhoto {
		b = append(b, '[')
	}
	b = appendField(appendString(append(b, `{"file_id":`...), id), "file_unique_id", unique)
	switch c.Kind {
	case KindPhoto:
		return append(b, `,"width":1280,"height":960,"file_size":90321}]`...)
	case KindVideo, KindAnimation:
		b = append(b, `,"width":640,"height":360,"duration":12,"mime_type":"video/mp4"`...)
		b = appendField(b, "file_name", c.name)
	case KindAudio:
		b = append(b, `,"duration":180,"mime_type":"audio/mpeg"`...)
		b = appendField(appendField(b, "title", c.name), "file_name", c.name+".mp3")
	case KindDocument:
		b = append(b, `,"mime_type":"application/octet-stream"`...)
		b = appendField(b, "file_name", c.name)
	case KindSticker:
		b = append(b, `,"type":"regular","width":512,"height":512,"is_animated":false,"is_video":false`...)
		b = appendField(appendField(b, "emoji", c.name), "set_name", "Simulated")
	case KindVoice:
		b = append(b, `,"duration":7,"mime_type":"audio/ogg"`...)
	case KindVideoNote:
		b = append(b, `,"duration":7,"length":240`...)
	}
	b = append(b, `,"file_size":123456}`...)
	if c.Kind == KindAnimation { // for old clients an animation is a document too
		b = appendField(appendString(append(b, `,"document":{"file_id":`...), id), "file_unique_id", unique)
		b = append(appendField(b, "file_name", c.name), '}')
	}
	return b
}

func (c *Content) appendPlace(b []byte) []byte {
	b = strconv.AppendFloat(append(b, `{"latitude":`...), c.lat, 'f', 6, 64)
	b = strconv.AppendFloat(append(b, `,"longitude":`...), c.lon, 'f', 6, 64)
	if c.Kind == KindLiveLocation {
		b = appendIntField(b, "live_period", cmp.Or(c.live, livePeriod))
		if c.heading != 0 {
			b = appendIntField(b, "heading", c.heading)
		}
	}
	return append(b, '}')
}

func (c *Content) appendStructured(b []byte) []byte {
	switch c.Kind {
	case KindLocation, KindLiveLocation:
		return c.appendPlace(append(b, `,"location":`...))
	case KindVenue:
		b = c.appendPlace(append(b, `,"venue":{"location":`...))
		b = append(appendField(appendField(b, "title", c.name), "address", c.extra), '}')
		return c.appendPlace(append(b, `,"location":`...))
	case KindContact:
		b = appendString(append(b, `,"contact":{"phone_number":`...), c.extra)
		return append(appendField(b, "first_name", c.name), '}')
	case KindDice:
		b = appendString(append(b, `,"dice":{"emoji":`...), c.name)
		return append(b, `,"value":4}`...)
	case KindGame:
		b = appendString(append(b, `,"game":{"title":`...), c.name)
		return append(b, `,"description":"","photo":[]}`...)
	case KindChecklist:
		b = appendString(append(b, `,"checklist":{"title":`...), c.name)
		b = append(b, `,"tasks":[`...)
		for i, o := range c.options {
			if i > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendInt(append(b, `{"id":`...), int64(i+1), 10)
			b = append(appendField(b, "text", o), '}')
		}
		return append(b, `]}`...)
	}
	return c.appendPoll(b)
}

func (c *Content) appendPoll(b []byte) []byte {
	b = appendString(append(b, `,"poll":{"id":"5400000000000000001","question":`...), c.name)
	b = append(b, `,"options":[`...)
	for i, o := range c.options {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, `{"persistent_id":"`...), int64(i), 10)
		b = appendString(append(b, `","text":`...), o)
		b = append(b, `,"voter_count":0}`...)
	}
	kind := "regular"
	if c.Kind == KindQuiz {
		kind = "quiz"
	}
	b = appendField(append(b, ']'), "type", kind)
	return append(b, `,"total_voter_count":0,"is_closed":false,"is_anonymous":true,"allows_multiple_answers":false,"allows_revoting":false,"members_only":false}`...)
}

func (c *Content) appendRare(b []byte) []byte {
	const chat = `{"id":-1001999999999,"type":"channel","title":"Elsewhere"}`
	switch c.Kind {
	case KindStory:
		return append(b, `,"story":{"chat":`+chat+`,"id":7}`...)
	case KindGiveaway:
		return append(b, `,"giveaway":{"chats":[`+chat+`],"winners_selection_date":1893456000,"winner_count":3}`...)
	case KindGiveawayWinners:
		return append(b, `,"giveaway_winners":{"chat":`+chat+`,"giveaway_message_id":5,"winners_selection_date":1893456000,"winner_count":0,"winners":[]}`...)
	case KindInvoice:
		b = appendString(append(b, `,"invoice":{"title":`...), c.name)
		return append(b, `,"description":"An invoice","start_parameter":"pay","currency":"EUR","total_amount":1500}`...)
	case KindPaidMedia:
		return append(b, `,"paid_media":{"star_count":5,"paid_media":[{"type":"preview","width":640,"height":360,"duration":0}]}`...)
	}
	return b // unsupported: nothing to show
}
