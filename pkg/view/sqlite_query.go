package view

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// sqliteIDs bounds the ids of one point read.
const sqliteIDs = 500

// loadStmt returns the prepared read of one document.
func (d *sqliteDB) loadStmt(ctx context.Context, collection string) (*sql.Stmt, error) {
	if s, ok := d.loads.Load(collection); ok {
		return s.(*sql.Stmt), nil
	}
	s, err := d.r.PrepareContext(ctx, "SELECT id, pos, doc FROM "+quote(collection)+" WHERE id=?")
	if err != nil {
		return nil, sqliteError(err)
	}
	if other, loaded := d.loads.LoadOrStore(collection, s); loaded {
		return other.(*sql.Stmt), sqliteError(s.Close())
	}
	return s, nil
}

// unload forgets the prepared read of a collection that is about to go. It is closed with the database, not now: a
// read may have it in hand.
func (d *sqliteDB) unload(collection string) { d.loads.Delete(collection) }

func (d *sqliteDB) load(ctx context.Context, collection string, ids []string) ([]stored, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(ids) == 1 {
		stmt, err := d.loadStmt(ctx, collection)
		if err != nil {
			return nil, err
		}
		// One row takes microseconds; being able to cancel it would cost as much again.
		rows, err := stmt.QueryContext(context.WithoutCancel(ctx), ids[0])
		return scanStored(rows, err, true)
	}
	var out []stored
	for len(ids) > 0 {
		n := min(len(ids), sqliteIDs)
		args := make([]any, n)
		for i, id := range ids[:n] {
			args[i] = id
		}
		rows, err := d.r.QueryContext(ctx, "SELECT id, pos, doc FROM "+quote(collection)+" WHERE id IN (?"+
			strings.Repeat(",?", n-1)+")", args...)
		found, err := scanStored(rows, err, true)
		if err != nil {
			return nil, err
		}
		out, ids = append(out, found...), ids[n:]
	}
	return out, nil
}

// scanStored reads (id, pos, doc) or, without positions, (id, key, doc).
func scanStored(rows *sql.Rows, qerr error, positions bool) (out []stored, err error) {
	if qerr != nil {
		return nil, sqliteError(qerr)
	}
	defer func() { err = errors.Join(err, sqliteError(rows.Close())) }()
	for rows.Next() {
		var s stored
		var pos []byte
		dest := []any{&s.id, &s.key, &s.doc}
		if positions {
			dest[1] = &pos
		}
		if err := rows.Scan(dest...); err != nil {
			return nil, sqliteError(err)
		}
		if positions {
			if err := json.Unmarshal(pos, &s.pos); err != nil {
				return nil, fmt.Errorf("positions of %s: %w", s.id, err)
			}
		}
		out = append(out, s)
	}
	return out, sqliteError(rows.Err())
}

// where builds the condition of a plan; documents only, no tombstones.
func (p plan) where() (string, []any) {
	parts := []string{"doc IS NOT NULL"}
	var args []any
	for _, c := range p.conds {
		if c.op == opIn {
			parts = append(parts, column(c.field)+" IN (?"+strings.Repeat(",?", len(c.values)-1)+")")
		} else {
			parts = append(parts, column(c.field)+" "+string(c.op)+" ?")
		}
		args = append(args, c.values...)
	}
	if p.after != nil {
		cmp := ">"
		if p.desc {
			cmp = "<"
		}
		if p.sort != nil {
			parts = append(parts, "("+column(*p.sort)+", id) "+cmp+" (?, ?)")
			args = append(args, p.after.key, p.after.id)
		} else {
			parts = append(parts, "id "+cmp+" ?")
			args = append(args, p.after.id)
		}
	}
	return " WHERE " + strings.Join(parts, " AND "), args
}

// findSQL selects (id, key, doc).
func findSQL(collection string, p plan) (string, []any) {
	dir, key, order := " ASC", "NULL", ""
	if p.desc {
		dir = " DESC"
	}
	if p.sort != nil {
		key = column(*p.sort)
		order = key + dir + ", "
	}
	where, args := p.where()
	return "SELECT id, " + key + ", doc FROM " + quote(collection) + where + " ORDER BY " + order + "id" + dir + " LIMIT ?",
		append(args, p.limit)
}

func (d *sqliteDB) find(ctx context.Context, collection string, p plan) ([]stored, error) {
	query, args := findSQL(collection, p)
	rows, err := d.r.QueryContext(ctx, query, args...)
	found, err := scanStored(rows, err, false)
	if p.sort != nil {
		for i := range found {
			found[i].key = fromColumn(found[i].key, *p.sort)
		}
	}
	return found, err
}

func (d *sqliteDB) count(ctx context.Context, collection string, p plan) (int64, error) {
	where, args := p.where()
	var n int64
	err := d.r.QueryRowContext(ctx, "SELECT count(*) FROM "+quote(collection)+where, args...).Scan(&n)
	return n, sqliteError(err)
}

func (d *sqliteDB) group(ctx context.Context, collection string, f field, p plan) (out []Group, err error) {
	where, args := p.where()
	col := column(f)
	rows, err := d.r.QueryContext(ctx, "SELECT "+col+", count(*) FROM "+quote(collection)+where+
		" GROUP BY "+col+" ORDER BY "+col, args...)
	if err != nil {
		return nil, sqliteError(err)
	}
	defer func() { err = errors.Join(err, sqliteError(rows.Close())) }()
	for rows.Next() {
		var g Group
		if err := rows.Scan(&g.Value, &g.Count); err != nil {
			return nil, sqliteError(err)
		}
		g.Value = fromColumn(g.Value, f)
		out = append(out, g)
	}
	return out, sqliteError(rows.Err())
}

// fromColumn gives a column's value the Go type of its field.
func fromColumn(v any, f field) any {
	switch x := v.(type) {
	case []byte:
		return string(x)
	case int64:
		switch f.kind {
		case kindBool:
			return x != 0
		case kindFloat:
			return float64(x)
		}
	}
	return v
}
