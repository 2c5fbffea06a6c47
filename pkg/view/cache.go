package view

import (
	"fmt"
	"hash/maphash"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// entryOverhead is a rough cost in bytes of a cached document besides its JSON size.
const entryOverhead = 200

// entry is the state of one document in a pass.
type entry[T any] struct {
	doc    T
	exists bool
	pos    []uint64 // per source: the last record that has been applied
	live   bool     // whether the database has it as a document
	dirty  bool
	by     recordID // the record that touched it last in this pass
	size   int
}

type recordID struct {
	source int
	seq    uint64
}

// cache keeps clean entries, bounded in bytes, so that steady state does not read the database for every record.
type cache[T any] struct {
	lru   *simplelru.LRU[string, *entry[T]]
	bytes int
	max   int
}

func newCache[T any](limit int) (*cache[T], error) {
	c := &cache[T]{max: limit}
	lru, err := simplelru.NewLRU(1<<24, func(id string, e *entry[T]) { c.bytes -= e.size + len(id) + entryOverhead })
	if err != nil {
		return nil, fmt.Errorf("cache: %w: %w", ErrInvalid, err)
	}
	c.lru = lru
	return c, nil
}

func (c *cache[T]) get(id string) (*entry[T], bool) { return c.lru.Get(id) }

func (c *cache[T]) put(id string, e *entry[T], size int) {
	c.lru.Remove(id)
	e.size = size
	c.bytes += size + len(id) + entryOverhead
	c.lru.Add(id, e)
	for c.bytes > c.max {
		if _, _, ok := c.lru.RemoveOldest(); !ok {
			return
		}
	}
}

// bloomBits is the size of the filter: 1 MiB, about one false positive in a thousand at 300,000 ids.
const bloomBits = 1 << 23

// bloom remembers which ids a build from nothing has written, so that a new id costs no read.
type bloom struct {
	seed maphash.Seed
	bits []uint64
}

func newBloom() *bloom { return &bloom{seed: maphash.MakeSeed(), bits: make([]uint64, bloomBits/64)} }

// add marks id and reports whether it may have been marked before.
func (b *bloom) add(id string) bool {
	h := maphash.String(b.seed, id)
	step := h>>32 | 1
	seen := true
	for range 4 {
		i := h % bloomBits
		word, bit := i/64, uint64(1)<<(i%64)
		seen = seen && b.bits[word]&bit != 0
		b.bits[word] |= bit
		h += step
	}
	return seen
}
