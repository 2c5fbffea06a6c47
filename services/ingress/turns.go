package ingress

import (
	"context"
	"slices"
	"sync"
)

// turns lets callers with the same key through one after the other, strictly in the order in which they came.
type turns struct {
	mu    sync.Mutex
	lines map[string][]chan struct{} // the first of a line is inside; the channel of one whose turn has come is closed
}

// enter waits for the caller's turn. leave is to be called once, unless there is an error: ctx ended first.
func (t *turns) enter(ctx context.Context, key string) (leave func(), err error) {
	turn := make(chan struct{})
	t.mu.Lock()
	t.lines[key] = append(t.lines[key], turn)
	if len(t.lines[key]) == 1 {
		close(turn)
	}
	t.mu.Unlock()
	select {
	case <-turn:
		return func() { t.gone(key, turn) }, nil
	case <-ctx.Done():
		t.gone(key, turn)
		return nil, ctx.Err()
	}
}

func (t *turns) gone(key string, turn chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	line := t.lines[key]
	i := slices.Index(line, turn)
	line = slices.Delete(line, i, i+1)
	t.lines[key] = line
	switch {
	case len(line) == 0:
		delete(t.lines, key)
	case i == 0:
		close(line[0])
	}
}
