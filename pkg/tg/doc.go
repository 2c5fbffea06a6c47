// Package tg is the way to a Telegram Bot API server: one call, what its failure means, and which kinds of message a bot
// may copy.
//
// It owns the error table of the Bot API (classify.go): nobody else reads Telegram's words. It refuses to repeat a call,
// for the Bot API has no idempotency key, to follow a redirect, and to let a token or a URL into an error. Parameters and
// results are plain JSON values; callers bring their own types.
package tg
