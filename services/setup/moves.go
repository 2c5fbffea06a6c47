package setup

import (
	"context"
	"errors"
	"strconv"
	"time"

	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/hotline-desk/hotline/pkg/es"
)

const (
	// groupAggregate holds what dialog decided about a group; its id is the chat id in decimal.
	groupAggregate = "group"
	// moveLook is between two looks whether the group has moved. Relay and ingress follow the move by themselves at once; what
	// waits for this is only that a restart finds it done.
	moveLook = 2 * time.Second
)

// moved makes the group's new id the one that counts. The setting stays what it is: nothing can change it from here.
func (s *Service) moved(to int64) {
	from := s.command.Configured.GetGroup()
	s.deps.Logger.Warn("the group became a supergroup with another id, which counts from now on: set HOTLINE_GROUP to it",
		zap.Int64("group", from), zap.Int64("now", to))
	configured := proto.CloneOf(s.command.Configured)
	configured.Group = to
	s.command.Configured = configured
}

// follow takes the moves in that the log knows of.
func (s *Service) follow(ctx context.Context) error {
	seen := map[int64]bool{}
	for {
		group := s.command.Configured.GetGroup()
		to, err := s.movedTo(ctx, group)
		if err != nil || to == 0 || seen[to] {
			return err
		}
		seen[group] = true
		s.moved(to)
	}
}

// movedTo is the id that a group has now by the log, 0 when it has not moved. The move is the last thing that ever happens to the old
// id, so the last commit tells.
func (s *Service) movedTo(ctx context.Context, group int64) (int64, error) {
	key := es.Key{Aggregate: groupAggregate, Connection: s.connection, ID: strconv.FormatInt(group, 10)}
	last, err := s.deps.Store.Last(ctx, key)
	if errors.Is(err, es.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for _, event := range last.Commit.GetEvents() {
		if moved := event.GetGroupMigrated(); moved != nil {
			return moved.GetTo(), nil
		}
	}
	return 0, nil
}

// watch commits the group's moves until ctx ends.
func (s *Service) watch(ctx context.Context) error {
	tick := time.NewTicker(moveLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		to, err := s.movedTo(ctx, s.command.Configured.GetGroup())
		if err != nil || to == 0 || to == s.command.Configured.GetGroup() {
			continue // a log that is away is told of elsewhere, and asked again
		}
		s.moved(to)
		if err := s.persist(ctx, s.configure); err != nil && ctx.Err() == nil {
			return err
		}
		s.waits.Store(nil)
	}
}
