package setup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/es"
	"github.com/hotline-desk/hotline/pkg/eventlog"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

// groupAggregate is the kind of a backend group's key; its id is the chat id in decimal. dialog decides for it, setup only
// reads.
const groupAggregate = "group"

// groupSchema is that of the folds dialog makes of a group: the message GroupMigrated. Folds of another schema are
// ignored, which costs time and nothing else.
const groupSchema = 1

// movedTo is where a group is now; 0 while it is where it was.
type movedTo int64

// groupReader reads groups. It decides nothing.
func groupReader() es.Decider[movedTo, struct{}] {
	return es.Decider[movedTo, struct{}]{
		Schema:  groupSchema,
		Initial: func(es.Key) movedTo { return 0 },
		Decide:  func(movedTo, struct{}) ([]*eventv1.Event, error) { return nil, nil },
		Evolve: func(m movedTo, event *eventv1.Event) movedTo {
			if e := event.GetGroupMigrated(); e != nil {
				return movedTo(e.GetTo())
			}
			return m
		},
		Encode: func(m movedTo) ([]byte, error) { return proto.Marshal(&eventv1.GroupMigrated{To: int64(m)}) },
		Decode: func(raw []byte) (movedTo, error) {
			p := &eventv1.GroupMigrated{}
			if err := proto.Unmarshal(raw, p); err != nil {
				return 0, err
			}
			return movedTo(p.GetTo()), nil
		},
	}
}

// group is the one that the connection has, or shall have.
func (s *Service) group() int64 { return s.command.Configured.GetGroup() }

func (s *Service) groupKey() es.Key {
	return es.Key{Aggregate: groupAggregate, Connection: s.connection, ID: strconv.FormatInt(s.group(), 10)}
}

// move makes another group the connection's, and tells whether it did. A group that was left is not gone back to: its id
// is dead.
func (s *Service) move(to int64) bool {
	from := s.group()
	if to == 0 || to == from || slices.Contains(s.left, to) {
		return false
	}
	s.left = append(s.left, from)
	configured := proto.CloneOf(s.command.Configured) // commits and states point to the former one
	configured.Group = to
	s.command.Configured = configured
	s.deps.Logger.Warn(fmt.Sprintf("the group %d became %d: set HOTLINE_GROUP to it", from, to), zap.String("connection", s.connection))
	return true
}

// recall follows the moves that the log knows of. Telegram need not tell of one that long ago: the setting may still name
// the former id after years.
func (s *Service) recall(ctx context.Context) error {
	for {
		to, _, err := s.known(ctx)
		if err != nil || !s.move(int64(to)) {
			return err
		}
	}
}

// known is where the group went as far as the log tells, and the sequence up to which that holds.
func (s *Service) known(ctx context.Context) (movedTo, uint64, error) {
	key := s.groupKey()
	s.groups.Forget(key) // dialog writes it
	return s.groups.State(ctx, key)
}

// errMoved ends the reading of a group that is not there any more.
var errMoved = errors.New("the group moved")

// follow returns when the group has moved.
func (s *Service) follow(ctx context.Context) error {
	to, seq, err := s.known(ctx)
	if err != nil {
		return err
	}
	if s.move(int64(to)) {
		return nil
	}
	err = s.deps.Connections.ReadOf(ctx, s.groupKey(), seq+1, func(c eventlog.Committed) error {
		for _, event := range c.Commit.GetEvents() {
			if s.move(event.GetGroupMigrated().GetTo()) {
				return errMoved
			}
		}
		return nil
	}, func() { s.waits.Store(nil) }) // reading works, whatever was in the way before
	if errors.Is(err, errMoved) {
		return nil
	}
	return fmt.Errorf("follow the group: %w", err)
}
