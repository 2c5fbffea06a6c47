package view

import "context"

// write is one guarded change of a document: it takes effect only when seq is above the stored one.
// A nil doc deletes; the tombstone keeps id and seq so that no older write can bring the document back.
type write struct {
	id     string
	seq    uint64
	pos    map[string]uint64
	doc    []byte
	values []any
}

// stored is a document as it was read; a nil doc is a tombstone. key is the value of the sort field.
type stored struct {
	id  string
	pos map[string]uint64
	doc []byte
	key any
}

// checkpoint is how far one stream has been applied to one collection. A retired one fences its writer.
type checkpoint struct {
	stream      string
	incarnation string
	seq         uint64
	retired     bool
}

// advance moves the checkpoint of a stream; it must still stand at from.
type advance struct {
	stream, incarnation string
	from, to            uint64
}

// generation is one physical collection of a view: a version of its schema, in its rev-th building. claim is a random
// word of the one who made it.
type generation struct {
	collection string
	name       string
	version    int
	rev        int
	building   bool
	claim      string
	shape      shape
}

// alias names the current collection of a view and the one that was current before.
type alias struct {
	collection string
	previous   string
}

// documents reads one collection. Order and comparison are those of bytes and numbers in every adapter.
type documents interface {
	load(ctx context.Context, collection string, ids []string) ([]stored, error)
	find(ctx context.Context, collection string, p plan) ([]stored, error)
	count(ctx context.Context, collection string, p plan) (int64, error)
	group(ctx context.Context, collection string, f field, p plan) ([]Group, error)
}

// journal writes documents together with checkpoints. A crash in commit never leaves a checkpoint ahead of its
// documents. A checkpoint that is not where the writer believes is ErrFenced.
type journal interface {
	begin(ctx context.Context, collection string, cps []checkpoint) error
	commit(ctx context.Context, g generation, ws []write, as []advance) error
	checkpoints(ctx context.Context, collection string) ([]checkpoint, error)
	retire(ctx context.Context, collection string) error
}

// catalog knows the physical collections. Of several who create the same one, one succeeds, and of several who drop
// the same one; the others get ErrFenced.
type catalog interface {
	create(ctx context.Context, g generation) error
	drop(ctx context.Context, g generation) error
	rename(ctx context.Context, from string, to generation) error
	list(ctx context.Context, name string) ([]generation, error)
}

// aliases points a view at one of its collections. Pointing retires the checkpoints of the former one and
// revives those of the new one.
type aliases interface {
	alias(ctx context.Context, name string) (alias, error)
	point(ctx context.Context, name, collection string) error
}

// connection is the life of a database handle.
type connection interface {
	ping(ctx context.Context) error
	close(ctx context.Context) error
}

// backend is what an adapter provides, by role.
type backend struct {
	documents
	journal
	catalog
	aliases
	connection
}
