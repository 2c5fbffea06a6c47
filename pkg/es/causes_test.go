package es

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

func message(chat, id int64) *eventv1.Cause {
	return &eventv1.Cause{Kind: eventv1.Cause_KIND_MESSAGE, Chat: chat, Message: id}
}

func api(key string) *eventv1.Cause { return &eventv1.Cause{Kind: eventv1.Cause_KIND_API, Key: key} }

func TestCauseTextIsFixedForEver(t *testing.T) {
	golden := map[string]*eventv1.Cause{
		"1/-100/7/0/": message(-100, 7),
		"2/5/7/99/":   {Kind: eventv1.Cause_KIND_EDIT, Chat: 5, Message: 7, EditDate: 99},
		"7/0/0/0/a/b": api("a/b"),
		"0/0/0/0/":    nil,
	}
	for want, cause := range golden {
		if got := CauseText(cause); got != want {
			t.Errorf("%v is %q, want %q", cause, got, want)
		}
	}
}

func TestCauseTextsCanBeReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cause := &eventv1.Cause{
			Kind: eventv1.Cause_Kind(rapid.Int32Range(0, 9).Draw(t, "kind")), Chat: rapid.Int64().Draw(t, "chat"),
			Message: rapid.Int64().Draw(t, "message"), EditDate: rapid.Int64().Draw(t, "date"), Key: rapid.String().Draw(t, "key"),
		}
		back, ok := parseCause(CauseText(cause))
		if !ok || CauseText(back) != CauseText(cause) || back.GetKey() != cause.GetKey() || back.GetChat() != cause.GetChat() {
			t.Fatalf("%v read back as %v", cause, back)
		}
	})
	for _, bad := range []string{"", "1/2/3", "x/0/0/0/", "1/2/3/4"} {
		if _, ok := parseCause(bad); ok {
			t.Errorf("%q was read", bad)
		}
	}
}

// A message that was overtaken is new; one that comes again is not, however late.
func TestMessagesAreRememberedOneByOne(t *testing.T) {
	c := newCauses(nil)
	c.add(CauseText(message(1, 10)))
	if c.handled(message(1, 8)) {
		t.Error("an overtaken message looks handled: it would be lost")
	}
	c.add(CauseText(message(1, 8)))
	for range 2 {
		if !c.handled(message(1, 8)) || !c.handled(message(1, 10)) {
			t.Error("a repetition looks new")
		}
		if c.handled(message(1, 9)) || c.handled(message(1, 11)) || c.handled(message(2, 1)) {
			t.Error("a new message looks handled")
		}
		c = newCauses(c.proto()) // the same after encoding
	}
	for id := int64(11); id <= 10+RememberedMessages; id++ {
		c.add(CauseText(message(1, id)))
	}
	for id := int64(1); id <= 10+RememberedMessages; id++ {
		if !c.handled(message(1, id)) {
			t.Errorf("message %d, of long ago, looks new", id)
		}
	}
	if old := newCauses(&eventv1.Causes{Watermarks: map[int64]int64{1: 10}}); !old.handled(message(1, 9)) || old.handled(message(1, 11)) {
		t.Error("what former versions wrote is read otherwise")
	}
}

func TestMessagesCoverNothingElse(t *testing.T) {
	c := newCauses(nil)
	c.add(CauseText(message(1, 5)))
	edit := &eventv1.Cause{Kind: eventv1.Cause_KIND_EDIT, Chat: 1, Message: 5, EditDate: 3}
	keyed := message(1, 5)
	keyed.Key = "second decision"
	for _, cause := range []*eventv1.Cause{edit, keyed} {
		if c.handled(cause) {
			t.Errorf("%v is covered by the watermark", cause)
		}
		c.add(CauseText(cause))
		if !c.handled(cause) {
			t.Errorf("%v is not remembered", cause)
		}
	}
}

func TestOtherCausesAreRememberedUpToALimit(t *testing.T) {
	c := newCauses(nil)
	for i := range RememberedCauses + 1 {
		c.add(CauseText(api(fmt.Sprint(i))))
		c.add(CauseText(api(fmt.Sprint(i)))) // again: counts once
	}
	if c.handled(api("0")) {
		t.Error("the oldest is still remembered")
	}
	for i := 1; i <= RememberedCauses; i++ {
		if !c.handled(api(fmt.Sprint(i))) {
			t.Fatalf("%d is forgotten", i)
		}
	}
	back := newCauses(c.proto())
	if len(back.recent) != RememberedCauses || back.handled(api("0")) || !back.handled(api("1")) {
		t.Error("not the same after encoding")
	}
}
