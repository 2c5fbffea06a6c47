package dialog

import (
	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/es"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// GroupAggregate is the kind of a backend group's key; its id is the chat id in decimal. It holds what happens in the group and
// belongs to no dialog that could be told from the update: reactions, for Telegram names no topic with them, and the group's move
// to another id.
const GroupAggregate = "group"

const groupSchema = 1

// Group is the state of a backend group.
type Group struct {
	Moved int64 // the id that it has now; 0: the one in the key
}

// GroupCommand asks a group to decide.
type GroupCommand interface{ groupCommand() }

// OperatorReacted is what somebody's reaction to a message of the group is now.
type OperatorReacted struct {
	Message  *eventv1.MessageRef
	Reaction uint32
	Actor    *eventv1.Actor
}

// GroupMoved is the news that the group has another id.
type GroupMoved struct{ From, To int64 }

func (OperatorReacted) groupCommand() {}
func (GroupMoved) groupCommand()      {}

// GroupDecider is the rules of a group.
func GroupDecider() es.Decider[Group, GroupCommand] {
	return es.Decider[Group, GroupCommand]{
		Schema:  groupSchema,
		Initial: func(es.Key) Group { return Group{} },
		Decide:  decideGroup,
		Evolve:  evolveGroup,
		Encode: func(g Group) ([]byte, error) {
			return proto.Marshal(&eventv1.GroupMigrated{To: g.Moved})
		},
		Decode: func(raw []byte) (Group, error) {
			p := &eventv1.GroupMigrated{}
			if err := proto.Unmarshal(raw, p); err != nil {
				return Group{}, err
			}
			return Group{Moved: p.GetTo()}, nil
		},
	}
}

func decideGroup(g Group, c GroupCommand) ([]*eventv1.Event, error) {
	switch c := c.(type) {
	case OperatorReacted:
		return []*eventv1.Event{reactionChanged(c.Message, c.Reaction, c.Actor)}, nil
	case GroupMoved:
		if g.Moved == c.To {
			return nil, nil
		}
		return []*eventv1.Event{{Body: &eventv1.Event_GroupMigrated{
			GroupMigrated: &eventv1.GroupMigrated{From: c.From, To: c.To},
		}}}, nil
	}
	return nil, nil
}

func evolveGroup(g Group, event *eventv1.Event) Group {
	if e := event.GetGroupMigrated(); e != nil {
		return Group{Moved: e.GetTo()}
	}
	return g
}
