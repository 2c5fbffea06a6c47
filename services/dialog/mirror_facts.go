package dialog

import (
	"context"
	"fmt"
	"strconv"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/eventlog"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// mirror decides facts about messages that are there already, and about the group as a whole.
func (s *Service) mirror(ctx context.Context, d eventlog.Delivered) (outcome, error) {
	f := d.Fact
	parameters, err := s.deps.Lookup.ParametersAt(ctx, f.GetParamsSeq())
	if err != nil {
		return failing, fmt.Errorf("parameters at %d: %w", f.GetParamsSeq(), err)
	}
	switch b := f.GetBody().(type) {
	case *eventv1.Fact_CustomerEdit:
		return s.customerEdit(ctx, f, b.CustomerEdit, parameters)
	case *eventv1.Fact_GroupEdit:
		if parameters.GetEditsOperator() == eventv1.EditsOperator_EDITS_OPERATOR_OFF {
			return nothing, nil
		}
		return s.inTopic(ctx, d, b.GroupEdit.GetThread(), b.GroupEdit.GetActor(), OperatorEdited{
			Source: &eventv1.MessageRef{Chat: b.GroupEdit.GetChat(), Message: b.GroupEdit.GetMessage()},
			Kind:   b.GroupEdit.GetKind(), Slash: b.GroupEdit.GetSlash(),
		})
	case *eventv1.Fact_MessageReaction:
		return s.reaction(ctx, f, b.MessageReaction, parameters)
	case *eventv1.Fact_GroupMigration:
		moved := GroupMoved{From: b.GroupMigration.GetFrom(), To: b.GroupMigration.GetTo()}
		return s.inGroup(ctx, f, moved.From, system(), moved)
	}
	return failing, parked("no known body")
}

func (s *Service) customerEdit(ctx context.Context, f *eventv1.Fact, e *eventv1.CustomerEdit, p *eventv1.Parameters) (outcome, error) {
	switch {
	case e.GetCustomer() == 0 || e.GetMessage() == 0:
		return failing, parked("edit without chat or id")
	case !admitted(p, e.GetCustomer()):
		return filtered, nil
	}
	return s.settle(ctx, f, dialogID(e.GetCustomer()), customerActor(e.GetCustomer()), CustomerEdited{
		Source: &eventv1.MessageRef{Chat: e.GetCustomer(), Message: e.GetMessage()}, Kind: e.GetKind(), Mode: p.GetEditsCustomer(),
	})
}

func (s *Service) reaction(ctx context.Context, f *eventv1.Fact, r *eventv1.MessageReaction, p *eventv1.Parameters) (outcome, error) {
	message := &eventv1.MessageRef{Chat: r.GetChat(), Message: r.GetMessage()}
	customer := r.GetActor().GetType() == eventv1.Actor_TYPE_CUSTOMER
	switch shown := p.GetReactions(); {
	case r.GetChat() == 0 || r.GetMessage() == 0:
		return failing, parked("reaction without chat or id")
	case shown == eventv1.Reactions_REACTIONS_OFF, !customer && shown == eventv1.Reactions_REACTIONS_CUSTOMER:
		return nothing, nil
	case !customer:
		return s.inGroup(ctx, f, r.GetChat(), r.GetActor(), OperatorReacted{Message: message, Reaction: r.GetReaction(), Actor: r.GetActor()})
	case !admitted(p, r.GetChat()):
		return filtered, nil
	}
	return s.settle(ctx, f, dialogID(r.GetChat()), r.GetActor(), CustomerReacted{Message: message, Reaction: r.GetReaction()})
}

// inGroup lets the group decide.
func (s *Service) inGroup(ctx context.Context, f *eventv1.Fact, group int64, actor *eventv1.Actor, body GroupCommand) (outcome, error) {
	key := es.Key{Aggregate: GroupAggregate, Connection: f.GetConnection(), ID: strconv.FormatInt(group, 10)}
	if !key.Valid() {
		return failing, parked("key %q", key)
	}
	result, err := s.groups.Handle(ctx, key, command(f, actor, body))
	return s.judge(f, result, err)
}
