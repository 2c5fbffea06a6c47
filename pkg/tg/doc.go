// Package tg is the way to a Telegram Bot API server: one call, what its failure means, which kinds of message a bot may
// copy, and which call of a bot comes next and when.
//
// It owns the error table of the Bot API (classify.go): nobody else reads Telegram's words. It refuses to repeat a call,
// for the Bot API has no idempotency key, to follow a redirect, and to let a token or a URL into an error. Parameters and
// results are plain JSON values; callers bring their own types.
//
// # What the scheduler achieves
//
// Measured in virtual time against a model of Telegram that counts calls at a random moment of the time it takes for them:
// 20 a minute in any window of a group, one a second with a burst of 3 in a private chat, 30 in any second over all.
//
//	go test -run - -bench 'Utilisation|Interactive' -benchtime 1x ./tg
//	go test -run - -bench 'Idle|Scheduler' ./tg
//
// Under more load than Telegram allows it uses 99.8 % or more of what groups and private chats allow, and no call is
// refused. Of the overall budget it uses 97.6 % where a call takes 10 to 40 ms, and 96.6 % where it is on its way for
// another 100 ms: how long every call travels is measured when connections are made. Where Telegram itself takes 20 to
// 200 ms it is 90 %: a unit is taken from the start of its call until a second after the last moment at which it may have
// been counted, and no schedule that is never refused can do with less. One that counts from the start has every ninth
// call refused instead, and uses no more. Broadcasts alone use 94 %: one unit is kept free.
//
// With 100,000 broadcasts waiting, answers take as long as without, from their arrival to the end of the call (20 to 200 ms):
//
//	answers   p50, ratio        p99, ratio        broadcasts
//	3/s       112 ms, 1.00      198 ms, 1.00      18.9/s
//	8/s       111 ms, 1.00      199 ms, 1.00      12.2/s
//	15/s      112 ms, 1.01      200 ms, 1.01       3.8/s
//
// 100,000 waiting jobs cost 60 to 175 ns and no allocation each time that Next is asked in vain, 46 bytes each in one
// group and 500 to 520 in a chat each. To push, grant and finish a job takes 0.6 µs, whatever else waits.
package tg
