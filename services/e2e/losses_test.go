package e2e

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hotline-desk/hotline/services/simulator"
)

// The ways in which support desks are known to lose messages or to mix them up, and the scenario that shows that this one does
// not:
//
//	the message that reveals a deleted topic       TestDeletedTopicIsMadeAnew, TestTopicThatVanishedIsNoticedInEveryWay
//	two quick first messages, two topics           TestTwoFirstMessagesMakeOneTopic
//	what came while the desk was down              TestOfflineBacklog
//	what was taken and not yet sent, at a crash    TestKilledAtEveryStep, TestKilledAtRandomUnderLoad
//	kinds without a handler                        TestEveryKindBothWays, TestUncopyableKindsAreSaid
//	albums, one by one or cut off by a timer       TestAlbumsStayAlbums, TestSlowAlbumLosesNothing
//	a throttle for quick lines                     TestQuickLinesAllArrive
//	a limit on the number of 429s                  TestManyLimitsInARowLoseNothing
//	a repeated call whose first answer was lost    TestFaultyTelegram
//	one update that jams all others                TestPoisonUpdates, TestPinsStayWithTheTeam
//	the group's refusal taken for a block          TestRefusalOfTheGroupIsNoBlock
//	mappings that expire or are lost               TestRepliesAreThreaded (after a restart)
//	an edit taken for a new message, or dropped    TestOperatorsEditsReachTheCustomer, TestCustomersEditsAreVersionsOrMirrored
//	a comment that reaches the customer            TestCommentsAndCommands, TestOperatorsEditsReachTheCustomer
//	a forward that misleads the answer             TestForwardDoesNotMisleadTheAnswer
//	long names that break the topic                TestLongNameIsCut
//	a group that becomes a supergroup              TestGroupThatMovesIsFollowed
//	two senders for one bot                        TestSecondRelayTakesOverWhenTheFirstIsKilled, TestZombieRelaySendsNothing

func TestQuickLinesAllArrive(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := quiet(t, how)
		ada, topic, _ := w.dialog("Ada")
		for range 15 {
			ada.Send(w.says("quick line"))
			w.op.SendIn(topic.ID, w.says("quick answer"))
		}
		w.finish(simulator.CheckOptions{})
	})
}

func TestSlowAlbumLosesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := quiet(t, how)
		bea, _, _ := w.dialog("Bea")
		for range 3 {
			item := bea.Send(simulator.Photo(w.text("slow picture")).InAlbum("slow"))
			w.copied(bea, item) // it went out alone, for the next one did not come in time
		}
		w.finish(simulator.CheckOptions{AllowSplitAlbums: true})
	})
}

func TestManyLimitsInARowLoseNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := quiet(t, how)
		cal, topic, _ := w.dialog("Cal")
		const times = 8
		w.AddFault(simulator.Fault{Kind: simulator.FaultTooMany, Method: "copyMessage", Chat: cal.ID(), RetryAfter: 1, Times: times})
		written := w.op.SendIn(topic.ID, w.says("at last"))
		w.atCustomer(cal, written)
		if hits := w.FaultHits(); hits != times {
			t.Errorf("%d calls were limited, want %d", hits, times)
		}
		w.finish(simulator.CheckOptions{})
	})
}

func TestPinsStayWithTheTeam(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := quiet(t, how)
		dan, topic, _ := w.dialog("Dan")
		w.op.SendIn(topic.ID, simulator.Service("pinned_message", `{"message_id":1,"date":0,"chat":{"id":1,"type":"private"}}`))
		w.Inject(w.bot, fmt.Sprintf(`"message":{"message_id":999,"date":1,"chat":{"id":%[1]d,"type":"private"},"from":{"id":%[1]d},"pinned_message":{"message_id":1,"date":0,"chat":{"id":%[1]d,"type":"private"}}}`, dan.ID()))
		after, before := dan.Send(w.says("still here?")), len(w.group.Messages(topic.ID))
		w.copied(dan, after)
		w.answer(dan, topic, w.says("still here"))
		if n := len(dan.Inbox()); n != 1 {
			t.Errorf("the customer has %d messages, want the answer only (%d in the topic)", n, before)
		}
		w.finish(simulator.CheckOptions{})
	})
}

func TestRefusalOfTheGroupIsNoBlock(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := quiet(t, how)
		eli, topic, _ := w.dialog("Eli")
		w.group.Kick(w.bot)
		late := eli.Send(w.says("hello?"))
		w.readiness(503)
		w.group.SetRights(w.bot, simulator.AllRights())
		w.copied(eli, late)
		w.answer(eli, topic, w.says("here we are"))
		for _, m := range w.group.Messages(topic.ID) {
			if strings.Contains(m.Text, "blocked") {
				t.Errorf("the team was told of a block: %q", m.Text)
			}
		}
		w.finish(simulator.CheckOptions{})
	})
}

func TestForwardDoesNotMisleadTheAnswer(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := quiet(t, how)
		fay, topic, _ := w.dialog("Fay")
		gil, _, _ := w.dialog("Gil")
		forwarded := fay.Send(w.says("what somebody else wrote").Forwarded(gil.Name()))
		w.copied(fay, forwarded)
		reply := w.op.Reply(w.group.Copies(fay, forwarded.ID)[0].ID, w.says("for Fay only"))
		w.atCustomer(fay, reply)
		if n := len(gil.Inbox()); n != 0 {
			t.Errorf("Gil got %d messages", n)
		}
		_ = topic
		w.finish(simulator.CheckOptions{})
	})
}

func TestLongNameIsCut(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := quiet(t, how)
		hex := w.customer(strings.Repeat("Näme", 60))
		w.copied(hex, hex.Send(w.says("my name is long")))
		if n := utf8.RuneCountInString(w.topic(hex).Name); n == 0 || n > 128 {
			t.Errorf("the topic's name has %d characters", n)
		}
		w.finish(simulator.CheckOptions{})
	})
}

func TestGroupThatMovesIsFollowed(t *testing.T) {
	everywhere(t, func(t *testing.T, how deployment) {
		w := quiet(t, how)
		ivy, _, _ := w.dialog("Ivy")
		w.settle(simulator.CheckOptions{})
		moved := w.group.Migrate()
		w.group = moved
		after := ivy.Send(w.says("are you still there?"))
		w.copied(ivy, after)
		op := moved.NewOperator("Olga Ogilvie-Canary")
		topic := w.topic(ivy)
		written := op.SendIn(topic.ID, w.says("in a new house"))
		w.atCustomer(ivy, written)
		w.desk.stop(t)
		w.desk.start(t) // with the old id in its settings
		again := ivy.Send(w.says("and after a restart?"))
		w.copied(ivy, again)
		w.end()
	})
}
