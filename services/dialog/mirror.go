package dialog

import eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"

// CustomerEdited tells that the customer changed a message.
type CustomerEdited struct {
	Source *eventv1.MessageRef
	Kind   eventv1.Kind
	Mode   eventv1.EditsCustomer
}

// OperatorEdited tells that somebody of the team changed a message in the dialog's topic.
type OperatorEdited struct {
	Source *eventv1.MessageRef
	Kind   eventv1.Kind
	Slash  bool // as a new message it would be a comment or a command
}

// CustomerReacted is what the customer's reaction to a message is now.
type CustomerReacted struct {
	Message  *eventv1.MessageRef
	Reaction uint32
}

// TopicTouched tells that somebody closed, reopened or named the topic by hand.
type TopicTouched struct {
	Thread int64
	Type   eventv1.TopicService_Type
	Named  bool
}

func (CustomerEdited) command()  {}
func (OperatorEdited) command()  {}
func (CustomerReacted) command() {}
func (TopicTouched) command()    {}

// customerEdited brings the topic up to an edit. It is no new message: the status stays, and nothing is reopened. A live location moves
// in place whatever is asked for edits: a new copy for every step would bury the topic.
func (d *draft) customerEdited(c CustomerEdited) {
	if !d.state.Opened || !copyable(c.Kind) || c.Mode == eventv1.EditsCustomer_EDITS_CUSTOMER_OFF {
		return
	}
	if c.Mode == eventv1.EditsCustomer_EDITS_CUSTOMER_MIRROR || c.Kind == eventv1.Kind_KIND_LIVE_LOCATION {
		d.edit(eventv1.Lane_LANE_DESK, c.Source, c.Kind)
		return
	}
	d.copy(eventv1.Lane_LANE_DESK, &eventv1.Copy{Source: c.Source, Kind: c.Kind, ReplyTo: c.Source, Version: true})
}

// operatorEdited changes the customer's copy. An edit that begins with a slash is kept back: what looks internal is not sent, and the
// operator has to know that the customer still has the former version.
func (d *draft) operatorEdited(c OperatorEdited) {
	switch {
	case !d.state.Opened || !copyable(c.Kind):
	case c.Slash:
		d.notice(&eventv1.Notice{Code: eventv1.Notice_CODE_EDIT_HELD, ReplyTo: c.Source})
	default:
		d.edit(eventv1.Lane_LANE_CUSTOMER, c.Source, c.Kind)
	}
}

func (d *draft) edit(lane eventv1.Lane, source *eventv1.MessageRef, kind eventv1.Kind) {
	d.request(lane, &eventv1.DeliveryRequested{Content: &eventv1.DeliveryRequested_Edit{Edit: &eventv1.Edit{Source: source, Kind: kind}}})
}

func (d *draft) customerReacted(c CustomerReacted) {
	if !d.state.Opened {
		return
	}
	d.emit(reactionChanged(c.Message, c.Reaction, customerActor(d.state.Customer)))
}

func reactionChanged(message *eventv1.MessageRef, reaction uint32, actor *eventv1.Actor) *eventv1.Event {
	return &eventv1.Event{Body: &eventv1.Event_ReactionChanged{ReactionChanged: &eventv1.ReactionChanged{
		Message: message, Reaction: reaction, Actor: actor,
	}}}
}

// topicTouched respects what somebody did to the topic by hand: closing it closes the dialog, reopening it reopens that.
func (d *draft) topicTouched(c TopicTouched) {
	if !d.state.Opened {
		return
	}
	switch c.Type {
	case eventv1.TopicService_TYPE_CLOSED, eventv1.TopicService_TYPE_REOPENED:
		closed := c.Type == eventv1.TopicService_TYPE_CLOSED
		d.emit(&eventv1.Event{Body: &eventv1.Event_TopicToggled{TopicToggled: &eventv1.TopicToggled{Thread: c.Thread, Closed: closed}}})
		switch {
		case closed:
			d.turn(eventv1.Status_STATUS_CLOSED)
		case d.state.Status == eventv1.Status_STATUS_CLOSED:
			d.turn(eventv1.Status_STATUS_USER_ANSWERED)
		}
	case eventv1.TopicService_TYPE_EDITED:
		if c.Named {
			d.emit(&eventv1.Event{Body: &eventv1.Event_TopicNamed{TopicNamed: &eventv1.TopicNamed{Thread: c.Thread}}})
		}
	}
}

// pollCopied tells once that the copy of a poll collects votes of its own.
func (d *draft) pollCopied(source *eventv1.MessageRef, kind eventv1.Kind) {
	if kind == eventv1.Kind_KIND_POLL && !d.state.PollTold {
		d.notice(&eventv1.Notice{Code: eventv1.Notice_CODE_POLL_VOTES, ReplyTo: source})
	}
}

// remove asks for the customer's copies of an operator's message to be deleted.
func (d *draft) remove(source, command *eventv1.MessageRef) {
	d.request(eventv1.Lane_LANE_CUSTOMER, &eventv1.DeliveryRequested{Content: &eventv1.DeliveryRequested_Delete{
		Delete: &eventv1.Delete{Source: source, Command: command},
	}})
}
