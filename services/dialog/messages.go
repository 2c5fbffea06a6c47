package dialog

import (
	"slices"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// draft is a decision in the making: the state moves on with every event, so that lane numbers and statuses of the
// next event follow from it.
type draft struct {
	state  State
	events []*eventv1.Event
}

func (d *draft) emit(event *eventv1.Event) {
	d.events = append(d.events, event)
	d.state = Evolve(d.state, event)
}

// turn changes the status; the same status is no event.
func (d *draft) turn(to eventv1.Status) {
	from := d.state.Status
	if from == to {
		return
	}
	switch {
	case to == eventv1.Status_STATUS_CLOSED:
		d.emit(&eventv1.Event{Body: &eventv1.Event_DialogClosed{DialogClosed: &eventv1.DialogClosed{}}})
	case from == eventv1.Status_STATUS_CLOSED:
		d.emit(&eventv1.Event{Body: &eventv1.Event_DialogReopened{DialogReopened: &eventv1.DialogReopened{}}})
	}
	d.emit(&eventv1.Event{Body: &eventv1.Event_StatusChanged{StatusChanged: &eventv1.StatusChanged{From: from, To: to}}})
}

func (d *draft) accept(m *eventv1.MessageAccepted) {
	d.emit(&eventv1.Event{Body: &eventv1.Event_MessageAccepted{MessageAccepted: m}})
}

// request puts something at the end of a lane.
func (d *draft) request(lane eventv1.Lane, r *eventv1.DeliveryRequested) {
	r.Lane, r.LaneNo = lane, d.state.DeskNo+1
	if lane == eventv1.Lane_LANE_CUSTOMER {
		r.LaneNo = d.state.CustomerNo + 1
	}
	d.emit(&eventv1.Event{Body: &eventv1.Event_DeliveryRequested{DeliveryRequested: r}})
}

func (d *draft) copy(lane eventv1.Lane, c *eventv1.Copy) {
	d.request(lane, &eventv1.DeliveryRequested{Content: &eventv1.DeliveryRequested_Copy{Copy: c}})
}

// notice tells the team something, in the topic.
func (d *draft) notice(n *eventv1.Notice) {
	d.request(eventv1.Lane_LANE_DESK, &eventv1.DeliveryRequested{Content: &eventv1.DeliveryRequested_Notice{Notice: n}})
}

func (d *draft) welcome() {
	d.request(eventv1.Lane_LANE_CUSTOMER, &eventv1.DeliveryRequested{
		Content: &eventv1.DeliveryRequested_Welcome{Welcome: &eventv1.Welcome{}},
	})
}

// copyable tells whether Telegram lets a bot copy the kind at all. Kinds are numbered so that those which it does not
// begin with the quiz; a kind that nobody knows yet is tried.
func copyable(kind eventv1.Kind) bool { return kind < eventv1.Kind_KIND_QUIZ }

func (d *draft) customerWrote(c CustomerWrote) {
	greet := false
	if !d.state.Opened {
		greet = true
		d.emit(&eventv1.Event{Body: &eventv1.Event_DialogOpened{
			DialogOpened: &eventv1.DialogOpened{Customer: c.Source.GetChat()},
		}})
	}
	greet = greet || d.state.Status == eventv1.Status_STATUS_CLOSED
	d.turn(eventv1.Status_STATUS_USER_ANSWERED)
	d.accept(&eventv1.MessageAccepted{
		Direction: eventv1.Direction_DIRECTION_IN, Source: c.Source, Kind: c.Kind, Album: c.Album,
		Author: &eventv1.Actor{Type: eventv1.Actor_TYPE_CUSTOMER, User: d.state.Customer},
	})
	if copyable(c.Kind) {
		d.copy(eventv1.Lane_LANE_DESK, &eventv1.Copy{Source: c.Source, Kind: c.Kind, Album: c.Album, ReplyTo: inChat(c.Source, c.Reply)})
		d.pollCopied(c.Source, c.Kind)
	} else {
		d.notice(&eventv1.Notice{Code: eventv1.Notice_CODE_UNCOPYABLE, Kind: c.Kind})
	}
	if greet && c.Welcome {
		d.welcome()
	}
}

// operatorWrote sorts what was written in the topic: only what is neither comment nor command nor a service message
// goes to the customer.
func (d *draft) operatorWrote(c OperatorWrote) {
	switch {
	case !d.state.Opened:
		// Without a dialog there is no topic; nothing can be meant for anybody.
	case c.Comment:
		d.comment(c)
	case c.Album != "" && slices.Contains(d.state.CommentAlbums, c.Album):
	case c.Command != nil:
		d.command(c)
	case c.Kind == eventv1.Kind_KIND_SERVICE:
		// Pins, calls and the like are the team's own.
	case !copyable(c.Kind):
		d.accept(outgoing(c))
		d.notice(&eventv1.Notice{Code: eventv1.Notice_CODE_OPERATOR_UNCOPYABLE, ReplyTo: c.Source, Kind: c.Kind})
	default:
		d.answer(c)
	}
}

// answer sends an operator's message. In a closed dialog it opens it, without a greeting.
func (d *draft) answer(c OperatorWrote) {
	d.turn(eventv1.Status_STATUS_SUPPORT_ANSWERED)
	d.accept(outgoing(c))
	d.copy(eventv1.Lane_LANE_CUSTOMER, &eventv1.Copy{Source: c.Source, Kind: c.Kind, Album: c.Album, ReplyTo: inChat(c.Source, c.Reply)})
	d.pollCopied(c.Source, c.Kind)
	if c.Actor.GetType() == eventv1.Actor_TYPE_ANONYMOUS && !d.state.AnonymousWarned {
		d.notice(&eventv1.Notice{Code: eventv1.Notice_CODE_ANONYMOUS_WARNING, ReplyTo: c.Source})
	}
}

// inChat names another message of a message's chat; nil for 0.
func inChat(source *eventv1.MessageRef, message int64) *eventv1.MessageRef {
	if message == 0 {
		return nil
	}
	return &eventv1.MessageRef{Chat: source.GetChat(), Message: message}
}

// comment keeps an album's id, for only one of its items carries the caption that makes it a comment or a command. A
// single comment leaves no trace.
func (d *draft) comment(c OperatorWrote) {
	if c.Album == "" || slices.Contains(d.state.CommentAlbums, c.Album) {
		return
	}
	d.emit(&eventv1.Event{Body: &eventv1.Event_AlbumCommented{AlbumCommented: &eventv1.AlbumCommented{Album: c.Album}}})
}

func outgoing(c OperatorWrote) *eventv1.MessageAccepted {
	return &eventv1.MessageAccepted{
		Direction: eventv1.Direction_DIRECTION_OUT, Source: c.Source, Kind: c.Kind, Album: c.Album, Author: c.Actor,
	}
}

func (d *draft) membershipChanged(c MembershipChanged) {
	if !d.state.Opened || d.state.Blocked == c.Blocked {
		return
	}
	if c.Blocked {
		d.emit(&eventv1.Event{Body: &eventv1.Event_CustomerBlocked{CustomerBlocked: &eventv1.CustomerBlocked{}}})
		d.notice(&eventv1.Notice{Code: eventv1.Notice_CODE_CUSTOMER_BLOCKED})
		return
	}
	d.emit(&eventv1.Event{Body: &eventv1.Event_CustomerUnblocked{CustomerUnblocked: &eventv1.CustomerUnblocked{}}})
	d.notice(&eventv1.Notice{Code: eventv1.Notice_CODE_CUSTOMER_UNBLOCKED})
}

// deliveryFell tells the team of a message that did not arrive. A text of our own that failed is only noted: a notice
// about a notice would fail the same way, without end.
func (d *draft) deliveryFell(c DeliveryFell) {
	if !d.state.Opened {
		return
	}
	d.emit(&eventv1.Event{Body: &eventv1.Event_FailureNoted{
		FailureNoted: &eventv1.FailureNoted{Lane: c.Lane, LaneNo: c.LaneNo, Class: c.Class},
	}})
	if c.Source == nil {
		return
	}
	n := &eventv1.Notice{Code: eventv1.Notice_CODE_NOT_DELIVERED, Kind: c.Kind, Failure: c.Class, Lane: c.Lane, Effect: c.Effect}
	if c.Class == eventv1.FailureClass_FAILURE_CLASS_UNKNOWN && c.Effect == eventv1.Effect_EFFECT_UNSPECIFIED {
		n.Code = eventv1.Notice_CODE_MAYBE_DELIVERED
	}
	if c.Lane == eventv1.Lane_LANE_CUSTOMER {
		n.ReplyTo = c.Source // the operator's message lies in the topic; a customer's does not
	}
	d.notice(n)
}

// deliveryAgain marks what may be there more than once: the known copy in the topic, or the operator's message whose copies went
// to the customer.
func (d *draft) deliveryAgain(c DeliveryAgain) {
	if !d.state.Opened {
		return
	}
	n := &eventv1.Notice{Code: eventv1.Notice_CODE_REPEATED, ReplyTo: c.Copy, Lane: c.Lane, Times: c.Times}
	if c.Lane == eventv1.Lane_LANE_CUSTOMER {
		n.ReplyTo = c.Source
	}
	d.notice(n)
}
