package dialog

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const (
	testCustomer = 77
	testGroup    = -1001234567890
)

// parseCommand reads a line of a script:
//
//	customer MESSAGE KIND [album=A] [welcome] [reply=MESSAGE]
//	operator MESSAGE KIND [by=USER|anonymous] [album=A] [comment] [command=NAME] [nearest=NAME] [arguments] [reply=MESSAGE]
//	membership blocked|unblocked
//	failed LANE NO CLASS [source=MESSAGE] [kind=KIND] [effect=EFFECT]
//	customer-edit MESSAGE KIND VERSION|MIRROR|OFF
//	operator-edit MESSAGE KIND [slash]
//	reaction MESSAGE NUMBER
//	topic THREAD CLOSED|REOPENED|EDITED [named]
//	repeated LANE SOURCE COPY
func parseCommand(t *testing.T, line string) Command {
	t.Helper()
	words := strings.Fields(line)
	options := map[string]string{}
	for _, word := range words[1:] {
		name, value, _ := strings.Cut(word, "=")
		options[name] = value
	}
	_, welcome := options["welcome"]
	switch words[0] {
	case "customer":
		return CustomerWrote{
			Source: ref(t, testCustomer, words[1]), Kind: kind(t, words[2]), Album: options["album"], Welcome: welcome,
			Reply: reply(t, options),
		}
	case "operator":
		return operator(t, words, options)
	case "membership":
		return MembershipChanged{Blocked: words[1] == "blocked"}
	case "failed":
		return failed(t, words, options)
	case "repeated":
		return repeated(t, words)
	}
	if c := mirrored(t, words, options); c != nil {
		return c
	}
	t.Fatalf("no such command: %q", line)
	return nil
}

func operator(t *testing.T, words []string, options map[string]string) Command {
	t.Helper()
	c := OperatorWrote{
		Source: ref(t, testGroup, words[1]), Kind: kind(t, words[2]), Album: options["album"],
		Actor: &eventv1.Actor{Type: eventv1.Actor_TYPE_OPERATOR, User: 9},
	}
	_, c.Comment = options["comment"]
	c.Reply = reply(t, options)
	switch by := options["by"]; by {
	case "":
	case "anonymous":
		c.Actor = &eventv1.Actor{Type: eventv1.Actor_TYPE_ANONYMOUS}
	default:
		c.Actor.User = number(t, by)
	}
	if name, ok := options["command"]; ok {
		_, arguments := options["arguments"]
		c.Command = &eventv1.Command{Name: name, Nearest: options["nearest"], WithArguments: arguments}
	}
	return c
}

func repeated(t *testing.T, words []string) Command {
	t.Helper()
	from, to := int64(testCustomer), int64(testGroup)
	if words[1] == "CUSTOMER" {
		from, to = to, from
	}
	return DeliveryAgain{
		Lane: eventv1.Lane(enum(t, eventv1.Lane_value, "LANE_"+words[1])), Source: ref(t, from, words[2]), Copy: ref(t, to, words[3]),
	}
}

func failed(t *testing.T, words []string, options map[string]string) Command {
	t.Helper()
	c := DeliveryFell{
		Lane:   eventv1.Lane(enum(t, eventv1.Lane_value, "LANE_"+words[1])),
		LaneNo: uint64(number(t, words[2])),
		Class:  eventv1.FailureClass(enum(t, eventv1.FailureClass_value, "FAILURE_CLASS_"+words[3])),
	}
	if options["kind"] != "" {
		c.Kind = kind(t, options["kind"])
	}
	if options["effect"] != "" {
		c.Effect = eventv1.Effect(enum(t, eventv1.Effect_value, "EFFECT_"+options["effect"]))
	}
	if options["source"] != "" {
		chat := int64(testGroup)
		if c.Lane == eventv1.Lane_LANE_DESK {
			chat = testCustomer
		}
		c.Source = ref(t, chat, options["source"])
	}
	return c
}

func reply(t *testing.T, options map[string]string) int64 {
	t.Helper()
	if options["reply"] == "" {
		return 0
	}
	return number(t, options["reply"])
}

// mirrored reads a line about a message that is there already; nil for another one.
func mirrored(t *testing.T, words []string, options map[string]string) Command {
	t.Helper()
	switch words[0] {
	case "customer-edit":
		return CustomerEdited{Source: ref(t, testCustomer, words[1]), Kind: kind(t, words[2]),
			Mode: eventv1.EditsCustomer(enum(t, eventv1.EditsCustomer_value, "EDITS_CUSTOMER_"+words[3]))}
	case "operator-edit":
		_, slash := options["slash"]
		return OperatorEdited{Source: ref(t, testGroup, words[1]), Kind: kind(t, words[2]), Slash: slash}
	case "reaction":
		return CustomerReacted{Message: ref(t, testCustomer, words[1]), Reaction: uint32(number(t, words[2]))}
	case "topic":
		_, named := options["named"]
		return TopicTouched{Thread: number(t, words[1]), Named: named,
			Type: eventv1.TopicService_Type(enum(t, eventv1.TopicService_Type_value, "TYPE_"+words[2]))}
	}
	return nil
}

func ref(t *testing.T, chat int64, message string) *eventv1.MessageRef {
	t.Helper()
	return &eventv1.MessageRef{Chat: chat, Message: number(t, message)}
}

func kind(t *testing.T, name string) eventv1.Kind {
	t.Helper()
	return eventv1.Kind(enum(t, eventv1.Kind_value, "KIND_"+name))
}

func enum(t *testing.T, values map[string]int32, name string) int32 {
	t.Helper()
	v, ok := values[name]
	if !ok {
		t.Fatalf("no value %q", name)
	}
	return v
}

func number(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// say writes an event as a script has it.
func say(event *eventv1.Event) string {
	switch e := event.GetBody().(type) {
	case *eventv1.Event_DialogOpened:
		return fmt.Sprintf("opened for %d", e.DialogOpened.GetCustomer())
	case *eventv1.Event_DialogReopened:
		return "reopened"
	case *eventv1.Event_DialogClosed:
		return "closed"
	case *eventv1.Event_StatusChanged:
		return fmt.Sprintf("status %s → %s", short(e.StatusChanged.GetFrom()), short(e.StatusChanged.GetTo()))
	case *eventv1.Event_MessageAccepted:
		m := e.MessageAccepted
		return fmt.Sprintf("accepted %s %s %s%s from %s", short(m.GetDirection()), short(m.GetKind()), place(m.GetSource()),
			option(" album ", m.GetAlbum()), author(m.GetAuthor()))
	case *eventv1.Event_DeliveryRequested:
		r := e.DeliveryRequested
		return fmt.Sprintf("%s %d: %s", strings.ToLower(short(r.GetLane())), r.GetLaneNo(), content(r))
	case *eventv1.Event_FailureNoted:
		f := e.FailureNoted
		return fmt.Sprintf("failure of %s %d noted: %s", strings.ToLower(short(f.GetLane())), f.GetLaneNo(), short(f.GetClass()))
	case *eventv1.Event_CustomerBlocked:
		return "blocked"
	case *eventv1.Event_CustomerUnblocked:
		return "unblocked"
	case *eventv1.Event_ReactionChanged:
		return fmt.Sprintf("reaction to %s is %d, of %s", place(e.ReactionChanged.GetMessage()), e.ReactionChanged.GetReaction(), author(e.ReactionChanged.GetActor()))
	case *eventv1.Event_TopicToggled:
		return fmt.Sprintf("topic %d toggled, closed %v", e.TopicToggled.GetThread(), e.TopicToggled.GetClosed())
	case *eventv1.Event_TopicNamed:
		return fmt.Sprintf("topic %d named", e.TopicNamed.GetThread())
	}
	return event.String()
}

func content(r *eventv1.DeliveryRequested) string {
	switch c := r.GetContent().(type) {
	case *eventv1.DeliveryRequested_Copy:
		text := fmt.Sprintf("copy of %s %s%s", short(c.Copy.GetKind()), place(c.Copy.GetSource()), option(" album ", c.Copy.GetAlbum()))
		if c.Copy.GetVersion() {
			text = "version, " + text
		}
		if c.Copy.GetReplyTo() != nil {
			text += " reply to " + place(c.Copy.GetReplyTo())
		}
		return text
	case *eventv1.DeliveryRequested_Edit:
		return fmt.Sprintf("edit of %s %s", short(c.Edit.GetKind()), place(c.Edit.GetSource()))
	case *eventv1.DeliveryRequested_Delete:
		return fmt.Sprintf("delete %s, asked by %s", place(c.Delete.GetSource()), place(c.Delete.GetCommand()))
	case *eventv1.DeliveryRequested_Welcome:
		return "welcome"
	case *eventv1.DeliveryRequested_Notice:
		return notice(c.Notice)
	}
	return "nothing"
}

func notice(n *eventv1.Notice) string {
	text := "notice " + short(n.GetCode())
	if n.GetKind() != 0 {
		text += " kind " + short(n.GetKind())
	}
	if n.GetFailure() != 0 {
		text += " failure " + short(n.GetFailure())
	}
	if n.GetLane() != 0 {
		text += " lane " + short(n.GetLane())
	}
	if n.GetStatus() != 0 {
		text += " status " + short(n.GetStatus())
	}
	if n.GetEffect() != 0 {
		text += " of " + short(n.GetEffect())
	}
	if n.GetSubject() != nil {
		text += " about " + place(n.GetSubject())
	}
	text += option(" command ", n.GetCommand())
	if n.GetReplyTo() != nil {
		text += " reply to " + place(n.GetReplyTo())
	}
	return text
}

func place(r *eventv1.MessageRef) string {
	if r.GetChat() == testGroup {
		return fmt.Sprintf("group/%d", r.GetMessage())
	}
	return fmt.Sprintf("%d/%d", r.GetChat(), r.GetMessage())
}

func author(a *eventv1.Actor) string {
	if a.GetUser() == 0 {
		return strings.ToLower(short(a.GetType()))
	}
	return fmt.Sprintf("%s %d", strings.ToLower(short(a.GetType())), a.GetUser())
}

func option(name, value string) string {
	if value == "" {
		return ""
	}
	return name + value
}

// short drops the name of the enum from the name of its value.
func short(v fmt.Stringer) string {
	text := v.String()
	for _, prefix := range []string{"STATUS_", "DIRECTION_", "KIND_", "LANE_", "FAILURE_CLASS_", "CODE_", "TYPE_", "EFFECT_"} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			return rest
		}
	}
	return text
}
