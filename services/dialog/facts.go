package dialog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/eventlog"
	"github.com/hotline-desk/hotline/pkg/telemetry"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// settleAttempts is how often a message from a topic that is being made is tried in place, before it is parked.
const settleAttempts = 4

var (
	// errUnsettled: the bot made this topic, and relay has not said yet for which dialog.
	errUnsettled = errors.New("topic not settled yet")
	// errForeign: the topic is the team's own.
	errForeign = errors.New("topic of the team")
	// errFact: a fact that no version of these rules understands; it waits, parked, for one that does.
	errFact = errors.New("fact not understood")
)

// outcome of a fact, as a metric's label.
type outcome string

const (
	committed outcome = "committed"
	duplicate outcome = "duplicate"
	nothing   outcome = "nothing"  // decided that there is nothing to do
	filtered  outcome = "filtered" // the parameters do not admit the chat
	foreign   outcome = "foreign"  // a topic of the team's own
	unsettled outcome = "unsettled"
	failing   outcome = "failed"
)

// parkKey names what has to wait together: a dialog, or a topic whose dialog is not known yet.
func parkKey(f *eventv1.Fact) string {
	switch b := f.GetBody().(type) {
	case *eventv1.Fact_CustomerMessage:
		return dialogID(b.CustomerMessage.GetCustomer())
	case *eventv1.Fact_CustomerMembership:
		return dialogID(b.CustomerMembership.GetCustomer())
	case *eventv1.Fact_DeliveryFailed:
		return b.DeliveryFailed.GetDialog()
	case *eventv1.Fact_DeliveryRepeated:
		return b.DeliveryRepeated.GetDialog()
	case *eventv1.Fact_GroupMessage:
		return threadKey(b.GroupMessage.GetThread())
	case *eventv1.Fact_TopicService:
		return threadKey(b.TopicService.GetThread())
	case *eventv1.Fact_CustomerEdit:
		return dialogID(b.CustomerEdit.GetCustomer())
	case *eventv1.Fact_GroupEdit:
		return threadKey(b.GroupEdit.GetThread())
	case *eventv1.Fact_MessageReaction:
		if chat := b.MessageReaction.GetChat(); chat > 0 {
			return dialogID(chat)
		}
		return groupKey
	case *eventv1.Fact_GroupMigration:
		return groupKey
	}
	return ""
}

// groupKey is what facts of the group as a whole are parked under.
const groupKey = "g"

func dialogID(customer int64) string { return strconv.FormatInt(customer, 10) }
func threadKey(thread int64) string  { return "t" + strconv.FormatInt(thread, 10) }
func topicID(thread int64) string    { return strconv.FormatInt(thread, 10) }
func parked(text string, a ...any) error {
	return eventlog.Park(fmt.Errorf("%w: "+text, append([]any{errFact}, a...)...))
}

// handle decides one fact.
func (s *Service) handle(ctx context.Context, d eventlog.Delivered) error {
	ctx, span := telemetry.Decide(ctx, s.tracer, d.Fact)
	defer span.End()
	out, err := s.decide(ctx, d)
	s.metrics.fact(d.Fact, out)
	if span.IsRecording() {
		span.SetAttributes(telemetry.KeyOutcome.String(string(out)))
		if err != nil {
			span.SetStatus(codes.Error, string(out))
		}
	}
	return err
}

func (s *Service) decide(ctx context.Context, d eventlog.Delivered) (outcome, error) {
	f := d.Fact
	switch b := f.GetBody().(type) {
	case *eventv1.Fact_CustomerMessage:
		return s.customerMessage(ctx, f, b.CustomerMessage)
	case *eventv1.Fact_GroupMessage:
		return s.groupMessage(ctx, d, b.GroupMessage)
	case *eventv1.Fact_CustomerMembership:
		customer := b.CustomerMembership.GetCustomer()
		return s.settle(ctx, f, dialogID(customer), customerActor(customer),
			MembershipChanged{Blocked: b.CustomerMembership.GetBlocked()})
	case *eventv1.Fact_TopicService:
		return s.topicService(ctx, d, b.TopicService)
	case *eventv1.Fact_DeliveryFailed:
		return s.settle(ctx, f, b.DeliveryFailed.GetDialog(), system(), DeliveryFell{
			Lane: b.DeliveryFailed.GetLane(), LaneNo: b.DeliveryFailed.GetLaneNo(), Class: b.DeliveryFailed.GetClass(),
			Source: b.DeliveryFailed.GetSource(), Kind: b.DeliveryFailed.GetKind(), Effect: b.DeliveryFailed.GetEffect(),
		})
	case *eventv1.Fact_DeliveryRepeated:
		return s.settle(ctx, f, b.DeliveryRepeated.GetDialog(), system(), DeliveryAgain{
			Lane: b.DeliveryRepeated.GetLane(), Source: b.DeliveryRepeated.GetSource(), Copy: b.DeliveryRepeated.GetCopy(), Times: b.DeliveryRepeated.GetTimes(),
		})
	}
	return s.mirror(ctx, d)
}

func (s *Service) customerMessage(ctx context.Context, f *eventv1.Fact, m *eventv1.CustomerMessage) (outcome, error) {
	if m.GetCustomer() == 0 || m.GetMessage() == 0 {
		return failing, parked("customer message without chat or id")
	}
	parameters, err := s.deps.Lookup.ParametersAt(ctx, f.GetParamsSeq())
	if err != nil {
		return failing, fmt.Errorf("parameters at %d: %w", f.GetParamsSeq(), err)
	}
	if !admitted(parameters, m.GetCustomer()) {
		return filtered, nil
	}
	return s.settle(ctx, f, dialogID(m.GetCustomer()), customerActor(m.GetCustomer()), CustomerWrote{
		Source: &eventv1.MessageRef{Chat: m.GetCustomer(), Message: m.GetMessage()},
		Kind:   m.GetKind(), Album: m.GetAlbum(), Reply: m.GetReplyTo(), Welcome: parameters.GetWelcome() != "",
	})
}

// admitted applies WHITE_LIST and IGNORE_CHATS.
func admitted(p *eventv1.Parameters, chat int64) bool {
	if white := p.GetWhiteList(); len(white) > 0 && !slices.Contains(white, chat) {
		return false
	}
	return !slices.Contains(p.GetIgnoreChats(), chat)
}

func (s *Service) groupMessage(ctx context.Context, d eventlog.Delivered, m *eventv1.GroupMessage) (outcome, error) {
	return s.inTopic(ctx, d, m.GetThread(), m.GetActor(), OperatorWrote{
		Source: &eventv1.MessageRef{Chat: m.GetChat(), Message: m.GetMessage()},
		Kind:   m.GetKind(), Album: m.GetAlbum(), Actor: m.GetActor(), Reply: m.GetReplyTo(),
		Comment: m.GetComment(), Command: m.GetCommand(),
	})
}

// inTopic lets the dialog of a topic decide.
func (s *Service) inTopic(ctx context.Context, d eventlog.Delivered, thread int64, actor *eventv1.Actor, body Command) (outcome, error) {
	id, err := s.dialogOf(ctx, d.Fact.GetConnection(), thread)
	switch {
	case errors.Is(err, errForeign):
		return foreign, nil
	case errors.Is(err, errUnsettled) && d.Attempt > settleAttempts:
		return unsettled, eventlog.Park(err)
	case errors.Is(err, errUnsettled):
		return unsettled, err
	case err != nil:
		return failing, err
	}
	return s.settle(ctx, d.Fact, id, actor, body)
}

// dialogOf resolves a topic. Errors: errForeign, errUnsettled, or that of a lookup.
func (s *Service) dialogOf(ctx context.Context, connection string, thread int64) (string, error) {
	id, err := s.deps.Lookup.DialogOf(ctx, connection, thread)
	if err == nil || !errors.Is(err, es.ErrNotFound) {
		return id, err
	}
	key := es.Key{Aggregate: TopicAggregate, Connection: connection, ID: topicID(thread)}
	topic, _, err := s.topics.State(ctx, key)
	if err != nil {
		return "", err
	}
	if topic.Seen() {
		return "", fmt.Errorf("thread %d: %w", thread, errUnsettled)
	}
	s.topics.Forget(key) // "not ours" is never remembered
	return "", errForeign
}

func (s *Service) topicService(ctx context.Context, d eventlog.Delivered, t *eventv1.TopicService) (outcome, error) {
	f := d.Fact
	switch {
	case t.GetType() == eventv1.TopicService_TYPE_CREATED && !t.GetOwn(), t.GetType() != eventv1.TopicService_TYPE_CREATED && t.GetOwn():
		return nothing, nil
	case t.GetType() != eventv1.TopicService_TYPE_CREATED:
		return s.inTopic(ctx, d, t.GetThread(), system(), TopicTouched{Thread: t.GetThread(), Type: t.GetType(), Named: t.GetNamed()})
	}
	key := es.Key{Aggregate: TopicAggregate, Connection: f.GetConnection(), ID: topicID(t.GetThread())}
	result, err := s.topics.Handle(ctx, key, command(f, system(), SeeTopic{Chat: t.GetChat(), Thread: t.GetThread()}))
	return s.judge(f, result, err)
}

// settle lets a dialog decide. Another process may have decided for the same dialog meanwhile: an append notices that,
// but a decision to do nothing does not, and so it is made again on what the log says.
func (s *Service) settle(ctx context.Context, f *eventv1.Fact, id string, actor *eventv1.Actor, body Command) (outcome, error) {
	key := es.Key{Aggregate: Aggregate, Connection: f.GetConnection(), ID: id}
	if !key.Valid() {
		return failing, parked("key %q", key)
	}
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetAttributes(telemetry.KeyDialog.String(id))
	}
	cmd := command(f, actor, body)
	result, err := s.dialogs.Handle(ctx, key, cmd)
	if err == nil && result.Commit == nil && !result.Duplicate {
		s.dialogs.Forget(key)
		result, err = s.dialogs.Handle(ctx, key, cmd)
	}
	return s.judge(f, result, err)
}

func (s *Service) judge(f *eventv1.Fact, result es.Result, err error) (outcome, error) {
	switch {
	case err != nil:
		return failing, err
	case result.Duplicate:
		return duplicate, nil
	case result.Commit == nil:
		return nothing, nil
	}
	s.metrics.commit(result.Commit, s.now().Sub(f.GetAt().AsTime()))
	return committed, nil
}

func command[C any](f *eventv1.Fact, actor *eventv1.Actor, body C) es.Command[C] {
	return es.Command[C]{Cause: f.GetCause(), Actor: actor, At: f.GetAt().AsTime(), ParamsSeq: f.GetParamsSeq(), Body: body}
}

func customerActor(customer int64) *eventv1.Actor {
	return &eventv1.Actor{Type: eventv1.Actor_TYPE_CUSTOMER, User: customer}
}

func system() *eventv1.Actor { return &eventv1.Actor{Type: eventv1.Actor_TYPE_SYSTEM} }
