package dialog

import (
	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// TopicAggregate is the kind of a topic's key; its id is the thread in decimal. The aggregate remembers one thing:
// that the frontend bot itself made the topic. A message from a thread that nobody mapped yet is worth waiting for
// then, and the team's own business otherwise.
const TopicAggregate = "topic"

const topicSchema = 1

// Topic is the state of a topic; the zero value was never seen.
type Topic struct {
	Chat   int64
	Thread int64
}

// Seen tells whether the bot made the topic.
func (t Topic) Seen() bool { return t.Thread != 0 }

// SeeTopic is the news that the bot made a topic.
type SeeTopic struct {
	Chat   int64
	Thread int64
}

// TopicDecider is the rules of a topic.
func TopicDecider() es.Decider[Topic, SeeTopic] {
	return es.Decider[Topic, SeeTopic]{
		Schema:  topicSchema,
		Initial: func(es.Key) Topic { return Topic{} },
		Decide:  decideTopic,
		Evolve:  evolveTopic,
		Encode: func(t Topic) ([]byte, error) {
			return proto.Marshal(&eventv1.TopicState{Chat: t.Chat, Thread: t.Thread})
		},
		Decode: func(raw []byte) (Topic, error) {
			p := &eventv1.TopicState{}
			if err := proto.Unmarshal(raw, p); err != nil {
				return Topic{}, err
			}
			return Topic{Chat: p.GetChat(), Thread: p.GetThread()}, nil
		},
	}
}

func decideTopic(t Topic, c SeeTopic) ([]*eventv1.Event, error) {
	if t.Seen() {
		return nil, nil
	}
	return []*eventv1.Event{{Body: &eventv1.Event_TopicSeen{
		TopicSeen: &eventv1.TopicSeen{Chat: c.Chat, Thread: c.Thread},
	}}}, nil
}

func evolveTopic(t Topic, event *eventv1.Event) Topic {
	if e := event.GetTopicSeen(); e != nil {
		return Topic{Chat: e.GetChat(), Thread: e.GetThread()}
	}
	return t
}
