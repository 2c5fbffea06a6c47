package relay

import (
	"bytes"
	"encoding/json"
)

// body is a message as Telegram's JSON, read without a schema: what cannot be read in one field costs that field. It lives
// only as long as a call; nothing of it is kept or logged.
type body map[string]json.RawMessage

func parseBody(raw []byte) body {
	var b body
	if json.Unmarshal(raw, &b) != nil {
		return nil
	}
	return b
}

func (b body) has(field string) bool {
	value := bytes.TrimSpace(b[field])
	return len(value) > 0 && !bytes.Equal(value, []byte("null"))
}

func (b body) object(field string) body { return parseBody(b[field]) }

// take puts fields that are there into params, under the names of a method's parameters.
func (b body) take(params map[string]any, names map[string]string) map[string]any {
	for field, name := range names {
		if b.has(field) {
			params[name] = b[field]
		}
	}
	return params
}

// edit is the method, with its parameters, that makes a copy say what the message says now; empty when there is none.
func (b body) edit() (method string, params map[string]any) {
	params = map[string]any{}
	if live := b.object("location"); live != nil && !b.has("venue") {
		if !live.has("live_period") {
			return "stopMessageLiveLocation", params
		}
		return "editMessageLiveLocation", live.position(params)
	}
	if b.has("text") {
		return "editMessageText", b.take(params, textFields())
	}
	if media := b.media(); media != nil {
		params["media"] = media
		return "editMessageMedia", params
	}
	if b.has("voice") {
		return "editMessageCaption", b.take(params, captionFields())
	}
	return "", nil
}

// media is the file of a message with its caption, as editMessageMedia takes it; nil for what that does not take.
func (b body) media() map[string]any {
	for _, kind := range [...]string{"photo", "video", "animation", "audio", "document"} {
		file := b.object(kind)
		if kind == "photo" {
			file = b.largest()
		}
		if file == nil || !file.has("file_id") {
			continue
		}
		media := map[string]any{"type": kind, "media": file["file_id"]}
		return b.take(b.take(media, captionFields()), map[string]string{"has_media_spoiler": "has_spoiler"})
	}
	return nil
}

// largest is the last size of a photo.
func (b body) largest() body {
	var sizes []json.RawMessage
	if json.Unmarshal(b["photo"], &sizes) != nil || len(sizes) == 0 {
		return nil
	}
	return parseBody(sizes[len(sizes)-1])
}

// liveLocation is a live location as sendLocation takes it; nil when the message is none, or not any more.
func (b body) liveLocation() map[string]any {
	live := b.object("location")
	if live == nil || !live.has("live_period") {
		return nil
	}
	return live.position(map[string]any{})
}

func (b body) position(params map[string]any) map[string]any {
	return b.take(params, map[string]string{
		"latitude": "latitude", "longitude": "longitude", "live_period": "live_period", "heading": "heading",
		"horizontal_accuracy": "horizontal_accuracy", "proximity_alert_radius": "proximity_alert_radius",
	})
}

// asText is what a message says in words, as sendMessage takes it; nil when it says nothing.
func (b body) asText() map[string]any {
	if b.has("text") {
		return b.take(map[string]any{}, textFields())
	}
	if b.has("caption") {
		return b.take(map[string]any{}, map[string]string{"caption": "text", "caption_entities": "entities"})
	}
	return nil
}

func textFields() map[string]string {
	return map[string]string{"text": "text", "entities": "entities", "link_preview_options": "link_preview_options"}
}

func captionFields() map[string]string {
	return map[string]string{
		"caption": "caption", "caption_entities": "caption_entities", "show_caption_above_media": "show_caption_above_media",
	}
}
