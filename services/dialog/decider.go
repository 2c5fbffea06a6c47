package dialog

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// Aggregate is the kind of a dialog's key; its id is the customer's chat id in decimal.
const Aggregate = "dialog"

// stateSchema numbers the encoding of State; see es.Decider.
const stateSchema = 1

// rememberedAlbums is how many comment albums a dialog remembers. Albums of several operators may come interleaved;
// forgetting one too early would send a comment's pictures to the customer.
const rememberedAlbums = 8

// State is what the rules need to know of a dialog.
type State struct {
	Opened          bool
	Customer        int64
	Status          eventv1.Status
	DeskNo          uint64 // last lane number given on the desk side
	CustomerNo      uint64 // last lane number given on the customer side
	Blocked         bool   // the customer blocked the bot
	AnonymousWarned bool
	PollTold        bool     // that copies of polls collect votes of their own
	CommentAlbums   []string // albums whose caption made them comments, oldest first
}

// Command asks a dialog to decide. There is one for each kind of fact.
type Command interface{ command() }

// CustomerWrote is a message from the customer.
type CustomerWrote struct {
	Source  *eventv1.MessageRef
	Kind    eventv1.Kind
	Album   string
	Reply   int64 // explicit reply, in the same chat; 0: none
	Welcome bool  // the parameters have a greeting
}

// OperatorWrote is a message that somebody of the team wrote in the dialog's topic.
type OperatorWrote struct {
	Source  *eventv1.MessageRef
	Kind    eventv1.Kind
	Album   string
	Actor   *eventv1.Actor
	Reply   int64 // explicit reply, in the same chat; 0: none
	Comment bool
	Command *eventv1.Command // nil for ordinary messages
}

// MembershipChanged tells that the customer blocked or unblocked the bot.
type MembershipChanged struct{ Blocked bool }

// DeliveryFell tells that a delivery failed, or that its fate is unknown.
type DeliveryFell struct {
	Lane   eventv1.Lane
	LaneNo uint64
	Class  eventv1.FailureClass
	Source *eventv1.MessageRef // nil for texts of our own
	Kind   eventv1.Kind
	Effect eventv1.Effect
}

// DeliveryAgain tells that something was sent more than once.
type DeliveryAgain struct {
	Lane   eventv1.Lane
	Source *eventv1.MessageRef
	Copy   *eventv1.MessageRef
	Times  uint32 // at least 2
}

func (CustomerWrote) command()     {}
func (OperatorWrote) command()     {}
func (MembershipChanged) command() {}
func (DeliveryFell) command()      {}
func (DeliveryAgain) command()     {}

// Decider is the rules of a dialog.
func Decider() es.Decider[State, Command] {
	return es.Decider[State, Command]{
		Schema:  stateSchema,
		Initial: func(es.Key) State { return State{} },
		Decide:  Decide,
		Evolve:  Evolve,
		Encode:  encodeState,
		Decode:  decodeState,
	}
}

// Decide turns a command into events; none when there is nothing to do. It never fails: every fact of a conversation
// has an answer.
func Decide(s State, c Command) ([]*eventv1.Event, error) {
	d := &draft{state: s}
	switch c := c.(type) {
	case CustomerWrote:
		d.customerWrote(c)
	case OperatorWrote:
		d.operatorWrote(c)
	case MembershipChanged:
		d.membershipChanged(c)
	case DeliveryFell:
		d.deliveryFell(c)
	case DeliveryAgain:
		d.deliveryAgain(c)
	case CustomerEdited:
		d.customerEdited(c)
	case OperatorEdited:
		d.operatorEdited(c)
	case CustomerReacted:
		d.customerReacted(c)
	case TopicTouched:
		d.topicTouched(c)
	}
	return d.events, nil
}

// Evolve applies an event.
func Evolve(s State, event *eventv1.Event) State {
	switch e := event.GetBody().(type) {
	case *eventv1.Event_DialogOpened:
		s.Opened, s.Customer = true, e.DialogOpened.GetCustomer()
	case *eventv1.Event_StatusChanged:
		s.Status = e.StatusChanged.GetTo()
	case *eventv1.Event_AlbumCommented:
		s.CommentAlbums = remember(s.CommentAlbums, e.AlbumCommented.GetAlbum())
	case *eventv1.Event_DeliveryRequested:
		s = requested(s, e.DeliveryRequested)
	case *eventv1.Event_CustomerBlocked:
		s.Blocked = true
	case *eventv1.Event_CustomerUnblocked:
		s.Blocked = false
	}
	return s
}

func requested(s State, r *eventv1.DeliveryRequested) State {
	switch r.GetLane() {
	case eventv1.Lane_LANE_DESK:
		s.DeskNo = r.GetLaneNo()
	case eventv1.Lane_LANE_CUSTOMER:
		s.CustomerNo = r.GetLaneNo()
	}
	switch r.GetNotice().GetCode() {
	case eventv1.Notice_CODE_ANONYMOUS_WARNING:
		s.AnonymousWarned = true
	case eventv1.Notice_CODE_POLL_VOTES:
		s.PollTold = true
	}
	return s
}

// remember never writes into the array of its argument: states are values.
func remember(albums []string, album string) []string {
	if album == "" || slices.Contains(albums, album) {
		return albums
	}
	from := max(0, len(albums)+1-rememberedAlbums)
	return append(slices.Clone(albums[from:]), album)
}

func encodeState(s State) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(&eventv1.DialogState{
		Customer: s.Customer, Status: s.Status, DeskNo: s.DeskNo, CustomerNo: s.CustomerNo, Blocked: s.Blocked,
		CommentAlbums: s.CommentAlbums, AnonymousWarned: s.AnonymousWarned, Opened: s.Opened, PollTold: s.PollTold,
	})
}

func decodeState(raw []byte) (State, error) {
	p := &eventv1.DialogState{}
	if err := proto.Unmarshal(raw, p); err != nil {
		return State{}, err
	}
	return State{
		Customer: p.GetCustomer(), Status: p.GetStatus(), DeskNo: p.GetDeskNo(), CustomerNo: p.GetCustomerNo(),
		Blocked: p.GetBlocked(), AnonymousWarned: p.GetAnonymousWarned(), Opened: p.GetOpened(),
		CommentAlbums: p.GetCommentAlbums(), PollTold: p.GetPollTold(),
	}, nil
}
