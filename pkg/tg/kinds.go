package tg

import eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"

// Copyable says whether a bot may copy a message of this kind at all. A kind this version does not know is worth the
// attempt: Telegram says so if it is not.
func Copyable(kind eventv1.Kind) bool {
	return kind < eventv1.Kind_KIND_QUIZ
}
