// Package simulator is a Telegram of our own: a Bot API server with customers,
// operators, groups, forum topics and message ids, for development, tests,
// benchmarks and the demo.
//
// It owns the ground truth of every chat it plays, and judges a desk by it
// (Check). It refuses to listen anywhere but on loopback, and it is never a
// proxy to Telegram: nothing leaves the machine.
//
// # Use in a test
//
//	s := simulator.ForTest(t, simulator.Config{})      // listens, stops with the test
//	bot := s.NewBot("desk")
//	group := s.NewGroup(simulator.GroupOptions{Bots: []*simulator.Bot{bot}})
//	op := group.NewOperator("Olga")
//	anna := s.NewCustomer("Anna")                      // writes to the first bot
//
//	// give the desk s.URL(), bot.Token(), group.ID(), group.Owner().ID()
//
//	q := anna.Send(simulator.Text("where is my order?"))
//	topic, err := group.WaitTopic(ctx, anna)           // the topic her copies are in
//	op.SendIn(topic.ID, simulator.Text("on its way"))
//	err = s.WaitFor(ctx, func() bool { return anna.Received("on its way") })
//	if v := s.Settle(ctx, simulator.CheckOptions{}); len(v) > 0 { t.Fatal(v) }
//
// Settle waits until nothing is wrong any more and returns what still is when
// ctx ends; Check judges at once. Neither needs a sleep.
//
// # Content
//
// Text, Photo, Video, Animation, Audio, Document, Sticker, Voice, VideoNote,
// Location, LiveLocation, Contact, Venue, Poll, Quiz, Dice, Game, Checklist,
// Story, PaidMedia, Giveaway, GiveawayWinners, Invoice, SelfDestruct, Unsupported, Service and
// Album(items…), each refined by Forwarded, ViaBot, WithButtons, Protected,
// CopyRefused, AnswerRefused, WithFile, WithEntities, InAlbum, WithField.
//
// # Mirroring
//
// Customers and operators Reply, Edit, React and Delete. Group.Copies and
// Customer.Copies (CopyOf for the newest) lead from an original to its copies,
// Message.Source leads back; a copy's ReplyTo, Text, Edits, Deleted, Reaction (the
// bot's) and Reactions (people's) say what became of it.
//
// # Time
//
// Dates, limits and the life of updates follow Config.Clock (real by default;
// ManualClock in tests). Long polls, latencies and webhook back-off wait in real
// time; Config.RetryUnit scales the seconds of the back-off down.
//
// # Concurrency
//
// Everything is safe for concurrent use. Functions given to OnEvent run on one
// goroutine of the simulator, in order, and may call back into it.
package simulator
