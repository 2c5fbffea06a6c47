package ingress

import (
	"encoding/json"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// contents are the fields that make a message's kind; the first that is there counts, for some come together: an
// animation is a document as well, a venue has a location, a live photo a photo.
var contents = [...]struct {
	field string
	kind  eventv1.Kind
}{
	{"text", eventv1.Kind_KIND_TEXT},
	{"rich_message", eventv1.Kind_KIND_TEXT},
	{"paid_media", eventv1.Kind_KIND_PAID_MEDIA},
	{"live_photo", eventv1.Kind_KIND_PHOTO},
	{"photo", eventv1.Kind_KIND_PHOTO},
	{"video", eventv1.Kind_KIND_VIDEO},
	{"video_note", eventv1.Kind_KIND_VIDEO_NOTE},
	{"voice", eventv1.Kind_KIND_VOICE},
	{"audio", eventv1.Kind_KIND_AUDIO},
	{"animation", eventv1.Kind_KIND_ANIMATION},
	{"document", eventv1.Kind_KIND_DOCUMENT},
	{"sticker", eventv1.Kind_KIND_STICKER},
	{"venue", eventv1.Kind_KIND_VENUE},
	{"location", eventv1.Kind_KIND_LOCATION},
	{"contact", eventv1.Kind_KIND_CONTACT},
	{"poll", eventv1.Kind_KIND_POLL},
	{"dice", eventv1.Kind_KIND_DICE},
	{"story", eventv1.Kind_KIND_STORY},
	{"checklist", eventv1.Kind_KIND_CHECKLIST},
	{"game", eventv1.Kind_KIND_GAME},
	{"giveaway", eventv1.Kind_KIND_GIVEAWAY},
	{"giveaway_winners", eventv1.Kind_KIND_GIVEAWAY},
	{"invoice", eventv1.Kind_KIND_INVOICE},
}

// worthTelling are the service messages that a customer causes on purpose and that hold something an operator would miss.
var worthTelling = [...]string{
	"users_shared", "chat_shared", "successful_payment", "refunded_payment", "gift", "unique_gift", "gift_upgrade_sent",
	"passport_data", "web_app_data", "checklist_tasks_done", "checklist_tasks_added",
}

// automatic are the service messages that say nothing to the other side. A field in none of these lists may be anything: its
// message is passed on, and Telegram says whether it can be copied.
var automatic = [...]string{
	"new_chat_members", "left_chat_member", "chat_owner_left", "chat_owner_changed", "new_chat_title", "new_chat_photo",
	"delete_chat_photo", "group_chat_created", "supergroup_chat_created", "channel_chat_created",
	"message_auto_delete_timer_changed", "migrate_to_chat_id", "migrate_from_chat_id", "pinned_message",
	"connected_website", "write_access_allowed", "proximity_alert_triggered", "boost_added", "chat_background_set",
	"community_chat_added", "community_chat_joined", "community_chat_removed", "direct_message_price_changed",
	"forum_topic_created", "forum_topic_edited", "forum_topic_closed", "forum_topic_reopened",
	"general_forum_topic_hidden", "general_forum_topic_unhidden", "giveaway_created", "giveaway_completed",
	"managed_bot_created", "paid_message_price_changed", "poll_option_added", "poll_option_deleted",
	"suggested_post_approved", "suggested_post_approval_failed", "suggested_post_declined", "suggested_post_paid",
	"suggested_post_refunded", "video_chat_scheduled", "video_chat_started", "video_chat_ended",
	"video_chat_participants_invited",
}

// kindOf says what a message is; silent is true for service messages that are nobody's words.
func kindOf(m object) (kind eventv1.Kind, silent bool) {
	for _, c := range contents {
		if m.has(c.field) {
			return refine(c.kind, m), false
		}
	}
	for _, field := range worthTelling {
		if m.has(field) {
			return eventv1.Kind_KIND_SERVICE, false
		}
	}
	for _, field := range automatic {
		if m.has(field) {
			return eventv1.Kind_KIND_SERVICE, true
		}
	}
	return eventv1.Kind_KIND_UNSPECIFIED, false
}

func refine(kind eventv1.Kind, m object) eventv1.Kind {
	switch kind {
	case eventv1.Kind_KIND_LOCATION:
		if place, ok := m.object("location"); ok && place.int("live_period") > 0 {
			return eventv1.Kind_KIND_LIVE_LOCATION
		}
	case eventv1.Kind_KIND_POLL:
		// A quiz can be copied by a bot that knows the right answer.
		poll, ok := m.object("poll")
		if ok && poll.text("type") == "quiz" && !poll.has("correct_option_id") && !poll.has("correct_option_ids") {
			return eventv1.Kind_KIND_QUIZ
		}
	}
	return kind
}

// words returns what the sender wrote, as far as its beginning goes: it decides between message, comment and command.
func words(m object) string {
	for _, field := range [...]string{"text", "caption"} {
		if m.has(field) {
			return m.text(field)
		}
	}
	if !m.has("rich_message") {
		return ""
	}
	var rich any
	if json.Unmarshal(m["rich_message"], &rich) != nil {
		return ""
	}
	return firstWords(rich)
}

// firstWords finds the first text of a rich message, whose blocks nest.
func firstWords(node any) string {
	switch n := node.(type) {
	case string:
		return n
	case []any:
		for _, item := range n {
			if found := firstWords(item); found != "" {
				return found
			}
		}
	case map[string]any:
		for _, field := range [...]string{"text", "blocks", "items"} {
			if found := firstWords(n[field]); found != "" {
				return found
			}
		}
	}
	return ""
}
