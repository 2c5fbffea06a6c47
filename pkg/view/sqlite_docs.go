package view

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

func (d *sqliteDB) begin(ctx context.Context, collection string, cps []checkpoint) error {
	var steps []step
	for _, cp := range cps {
		steps = append(steps, step{`INSERT INTO view_checkpoints VALUES (?,?,?,?,0)
			ON CONFLICT(collection, stream, incarnation) DO NOTHING`,
			[]any{collection, cp.stream, cp.incarnation, int64(cp.seq)}})
	}
	return d.run(ctx, steps...)
}

func (d *sqliteDB) retire(ctx context.Context, collection string) error {
	return d.run(ctx, step{"UPDATE view_checkpoints SET retired=1 WHERE collection=?", []any{collection}})
}

func (d *sqliteDB) checkpoints(ctx context.Context, collection string) (out []checkpoint, err error) {
	rows, err := d.r.QueryContext(ctx,
		"SELECT stream, incarnation, seq, retired FROM view_checkpoints WHERE collection=?", collection)
	if err != nil {
		return nil, sqliteError(err)
	}
	defer func() { err = errors.Join(err, sqliteError(rows.Close())) }()
	for rows.Next() {
		var cp checkpoint
		if err := rows.Scan(&cp.stream, &cp.incarnation, &cp.seq, &cp.retired); err != nil {
			return nil, sqliteError(err)
		}
		out = append(out, cp)
	}
	return out, sqliteError(rows.Err())
}

// commit moves the checkpoints and writes the documents in one transaction, the checkpoints first: they fence.
func (d *sqliteDB) commit(ctx context.Context, g generation, ws []write, as []advance) error {
	return d.tx(ctx, func(tx *sql.Tx) error {
		for _, a := range as {
			res, err := tx.ExecContext(ctx, `UPDATE view_checkpoints SET seq=? WHERE collection=? AND stream=?
				AND incarnation=? AND seq=? AND retired=0`, int64(a.to), g.collection, a.stream, a.incarnation, int64(a.from))
			if err != nil {
				return sqliteError(err)
			}
			if n, err := res.RowsAffected(); err != nil || n != 1 {
				return errors.Join(fmt.Errorf("checkpoint %s/%s at %d: %w", g.collection, a.stream, a.from, ErrFenced), err)
			}
		}
		if len(ws) == 0 {
			return nil
		}
		return sqliteWrite(ctx, tx, g, ws)
	})
}

func sqliteWrite(ctx context.Context, tx *sql.Tx, g generation, ws []write) (err error) {
	stmt, err := tx.PrepareContext(ctx, upsertSQL(g))
	if err != nil {
		return sqliteError(err)
	}
	defer func() { err = errors.Join(err, sqliteError(stmt.Close())) }()
	// A context that can be cancelled costs the driver a goroutine per statement; between two of them is early enough.
	calm := context.WithoutCancel(ctx)
	args := make([]any, 4+len(g.shape.fields))
	for _, w := range ws {
		if err := ctx.Err(); err != nil {
			return err
		}
		pos, err := json.Marshal(w.pos)
		if err != nil {
			return fmt.Errorf("positions of %s: %w", w.id, err)
		}
		clear(args)
		args[0], args[1], args[2] = w.id, int64(w.seq), string(pos)
		if w.doc != nil {
			args[3] = string(w.doc)
			copy(args[4:], w.values)
		}
		if _, err := stmt.ExecContext(calm, args...); err != nil {
			return fmt.Errorf("write %s: %w", w.id, sqliteError(err))
		}
	}
	return nil
}

// upsertSQL replaces a document only by a newer one.
func upsertSQL(g generation) string {
	names := []string{"id", "seq", "pos", "doc"}
	for _, f := range g.shape.fields {
		names = append(names, column(f))
	}
	sets := make([]string, 0, len(names))
	for _, n := range names[1:] {
		sets = append(sets, n+"=excluded."+n)
	}
	table := quote(g.collection)
	return "INSERT INTO " + table + " (" + strings.Join(names, ",") + ") VALUES (?" + strings.Repeat(",?", len(names)-1) +
		") ON CONFLICT(id) DO UPDATE SET " + strings.Join(sets, ",") + " WHERE excluded.seq > " + table + ".seq"
}
