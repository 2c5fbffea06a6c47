package view

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
)

// sqliteReaders is how many readers may run beside the one writer that SQLite allows.
const sqliteReaders = 4

// sqliteDB is the embedded adapter: one file in WAL mode, one writing connection, a pool of readers.
type sqliteDB struct {
	w, r *sql.DB
	// loads holds the prepared point reads by collection; they are the hot path of lookups and projectors.
	loads sync.Map
}

const sqliteSchema = `
CREATE TABLE IF NOT EXISTS view_collections (
	collection TEXT PRIMARY KEY, name TEXT NOT NULL, version INTEGER NOT NULL, rev INTEGER NOT NULL,
	building INTEGER NOT NULL, claim TEXT NOT NULL, shape TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS view_aliases (name TEXT PRIMARY KEY, collection TEXT NOT NULL, previous TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS view_checkpoints (
	collection TEXT NOT NULL, stream TEXT NOT NULL, incarnation TEXT NOT NULL, seq INTEGER NOT NULL,
	retired INTEGER NOT NULL, PRIMARY KEY (collection, stream, incarnation));`

// openSQLite opens the file. synchronous=NORMAL: a killed process loses nothing, a power cut may lose the last
// transactions whole, and the projector then repeats them from the log.
func openSQLite(ctx context.Context, c Config) (*backend, error) {
	if c.Path == "" {
		return nil, fmt.Errorf("neither URI nor path: %w", ErrInvalid)
	}
	path, err := filepath.Abs(c.Path)
	if err != nil {
		return nil, fmt.Errorf("path %s: %w", c.Path, ErrInvalid)
	}
	dsn := func(extra string) string {
		u := url.URL{Scheme: "file", Path: path, RawQuery: "_txlock=immediate&_pragma=busy_timeout(5000)" +
			"&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=cache_size(-16000)" +
			"&_pragma=wal_autocheckpoint(4000)" + extra}
		return u.String()
	}
	w, err := sql.Open("sqlite", dsn(""))
	if err != nil {
		return nil, sqliteError(err)
	}
	w.SetMaxOpenConns(1)
	r, err := sql.Open("sqlite", dsn("&_pragma=query_only(1)"))
	if err != nil {
		return nil, errors.Join(sqliteError(err), sqliteError(w.Close()))
	}
	r.SetMaxOpenConns(sqliteReaders)
	r.SetMaxIdleConns(sqliteReaders)
	db := &sqliteDB{w: w, r: r}
	if _, err := w.ExecContext(ctx, sqliteSchema); err != nil {
		return nil, errors.Join(sqliteError(err), db.close(ctx))
	}
	return &backend{db, db, db, db, db}, nil
}

func (d *sqliteDB) ping(ctx context.Context) error { return sqliteError(d.r.PingContext(ctx)) }

func (d *sqliteDB) close(context.Context) error {
	return errors.Join(sqliteError(d.r.Close()), sqliteError(d.w.Close()))
}

// tx runs f in one write transaction.
func (d *sqliteDB) tx(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := d.w.BeginTx(ctx, nil)
	if err != nil {
		return sqliteError(err)
	}
	if err := f(tx); err != nil {
		if rb := tx.Rollback(); rb != nil && !errors.Is(rb, sql.ErrTxDone) {
			return errors.Join(err, sqliteError(rb))
		}
		return err
	}
	return sqliteError(tx.Commit())
}

// step is a statement with its arguments.
type step struct {
	query string
	args  []any
}

// run executes statements in one transaction.
func (d *sqliteDB) run(ctx context.Context, steps ...step) error {
	return d.tx(ctx, func(tx *sql.Tx) error { return execute(ctx, tx, steps) })
}

func execute(ctx context.Context, tx *sql.Tx, steps []step) error {
	for _, s := range steps {
		if _, err := tx.ExecContext(ctx, s.query, s.args...); err != nil {
			return sqliteError(err)
		}
	}
	return nil
}

// won executes statements in one transaction if the first of them, a claim, changes a row; otherwise it is ErrFenced.
func (d *sqliteDB) won(ctx context.Context, claim step, steps ...step) error {
	return d.tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, claim.query, claim.args...)
		if err != nil {
			return sqliteError(err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(ErrFenced, err)
		}
		return execute(ctx, tx, steps)
	})
}

// quote makes an identifier; names were checked when the schema was bound.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func column(f field) string { return quote("f_" + f.name) }

func (d *sqliteDB) create(ctx context.Context, g generation) error {
	d.unload(g.collection)
	cols := []string{"id TEXT PRIMARY KEY", "seq INTEGER NOT NULL", "pos TEXT NOT NULL", "doc TEXT"}
	for _, f := range g.shape.fields {
		typ := map[kind]string{kindString: "TEXT", kindInt: "INTEGER", kindFloat: "REAL", kindBool: "INTEGER"}[f.kind]
		cols = append(cols, column(f)+" "+typ)
	}
	steps := []step{{query: "CREATE TABLE " + quote(g.collection) + " (" + strings.Join(cols, ", ") + ")"}}
	for i, ix := range g.shape.indexes {
		var names []string
		for _, name := range ix {
			names = append(names, column(field{name: name}))
		}
		// Tombstones stay out of the indexes, so that counts need no look at the table.
		steps = append(steps, step{query: fmt.Sprintf("CREATE INDEX %s ON %s (%s, id) WHERE doc IS NOT NULL",
			quote(fmt.Sprintf("%s_ix%d", g.collection, i)), quote(g.collection), strings.Join(names, ", "))})
	}
	claim := step{"INSERT INTO view_collections VALUES (?,?,?,?,?,?,?) ON CONFLICT(collection) DO NOTHING",
		[]any{g.collection, g.name, g.version, g.rev, g.building, g.claim, g.shape.String()}}
	return d.won(ctx, claim, steps...)
}

func (d *sqliteDB) drop(ctx context.Context, g generation) error {
	d.unload(g.collection)
	return d.won(ctx,
		step{"DELETE FROM view_collections WHERE collection=? AND claim=?", []any{g.collection, g.claim}},
		step{query: "DROP TABLE IF EXISTS " + quote(g.collection)},
		step{"DELETE FROM view_checkpoints WHERE collection=?", []any{g.collection}})
}

func (d *sqliteDB) rename(ctx context.Context, from string, to generation) error {
	d.unload(from)
	return d.run(ctx,
		step{query: "ALTER TABLE " + quote(from) + " RENAME TO " + quote(to.collection)},
		step{"UPDATE view_collections SET collection=?, building=? WHERE collection=?",
			[]any{to.collection, to.building, from}},
		step{"UPDATE view_checkpoints SET collection=? WHERE collection=?", []any{to.collection, from}})
}

func (d *sqliteDB) list(ctx context.Context, name string) (out []generation, err error) {
	rows, err := d.r.QueryContext(ctx, `SELECT collection, name, version, rev, building, claim, shape FROM view_collections
		WHERE name=? ORDER BY version, rev`, name)
	if err != nil {
		return nil, sqliteError(err)
	}
	defer func() { err = errors.Join(err, sqliteError(rows.Close())) }()
	for rows.Next() {
		var g generation
		var text string
		if err := rows.Scan(&g.collection, &g.name, &g.version, &g.rev, &g.building, &g.claim, &text); err != nil {
			return nil, sqliteError(err)
		}
		g.shape = parseShape(text)
		out = append(out, g)
	}
	return out, sqliteError(rows.Err())
}

func (d *sqliteDB) alias(ctx context.Context, name string) (alias, error) {
	var a alias
	err := d.r.QueryRowContext(ctx, "SELECT collection, previous FROM view_aliases WHERE name=?", name).
		Scan(&a.collection, &a.previous)
	if errors.Is(err, sql.ErrNoRows) {
		return alias{}, nil
	}
	return a, sqliteError(err)
}

func (d *sqliteDB) point(ctx context.Context, name, collection string) error {
	return d.run(ctx,
		step{`UPDATE view_checkpoints SET retired=1 WHERE collection=(SELECT collection FROM view_aliases WHERE name=?)`,
			[]any{name}},
		step{"UPDATE view_checkpoints SET retired=0 WHERE collection=?", []any{collection}},
		step{`INSERT INTO view_aliases (name, collection, previous) VALUES (?,?,'') ON CONFLICT(name) DO UPDATE SET
			previous=CASE WHEN collection=excluded.collection THEN previous ELSE collection END,
			collection=excluded.collection`, []any{name, collection}})
}
