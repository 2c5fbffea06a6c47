package setup

import (
	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// Aggregate is the kind of a connection's key; its id is the connection itself.
const Aggregate = "connection"

const stateSchema = 1

// State is what is known of a connection. The messages it points to are never changed.
type State struct {
	Configured *eventv1.ConnectionConfigured // nil before the first configuration
	Parameters *eventv1.Parameters
}

// Configure asks for a connection to be as configured.
type Configure struct {
	Configured *eventv1.ConnectionConfigured
	Parameters *eventv1.Parameters
}

// Decider is the rules of a connection.
func Decider() es.Decider[State, Configure] {
	return es.Decider[State, Configure]{
		Schema:  stateSchema,
		Initial: func(es.Key) State { return State{} },
		Decide:  Decide,
		Evolve:  Evolve,
		Encode:  encodeState,
		Decode:  decodeState,
	}
}

// Decide commits what differs, and nothing when nothing does.
func Decide(s State, c Configure) ([]*eventv1.Event, error) {
	var events []*eventv1.Event
	if s.Configured == nil || !proto.Equal(s.Configured, c.Configured) {
		events = append(events, &eventv1.Event{Body: &eventv1.Event_ConnectionConfigured{ConnectionConfigured: c.Configured}})
	}
	if s.Parameters == nil || !proto.Equal(s.Parameters, c.Parameters) {
		events = append(events, &eventv1.Event{Body: &eventv1.Event_ParametersSet{
			ParametersSet: &eventv1.ParametersSet{Parameters: c.Parameters},
		}})
	}
	return events, nil
}

// Evolve applies an event.
func Evolve(s State, event *eventv1.Event) State {
	switch e := event.GetBody().(type) {
	case *eventv1.Event_ConnectionConfigured:
		s.Configured = e.ConnectionConfigured
	case *eventv1.Event_ParametersSet:
		s.Parameters = e.ParametersSet.GetParameters()
	}
	return s
}

func encodeState(s State) ([]byte, error) {
	parameters, err := proto.MarshalOptions{Deterministic: true}.Marshal(s.Parameters)
	if err != nil {
		return nil, err
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(&eventv1.ConnectionState{
		Bot: s.Configured.GetBot(), Group: s.Configured.GetGroup(), Owner: s.Configured.GetOwner(),
		Source: s.Configured.GetSource(), Parameters: parameters,
	})
}

// decodeState restores a state; only configured connections are ever encoded.
func decodeState(raw []byte) (State, error) {
	p := &eventv1.ConnectionState{}
	if err := proto.Unmarshal(raw, p); err != nil {
		return State{}, err
	}
	parameters := &eventv1.Parameters{}
	if err := proto.Unmarshal(p.GetParameters(), parameters); err != nil {
		return State{}, err
	}
	return State{
		Configured: &eventv1.ConnectionConfigured{Bot: p.GetBot(), Group: p.GetGroup(), Owner: p.GetOwner(), Source: p.GetSource()},
		Parameters: parameters,
	}, nil
}
