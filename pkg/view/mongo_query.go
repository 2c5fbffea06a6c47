package view

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// mongoOps are the server's names of the operators.
var mongoOps = map[op]string{opEq: "$eq", opLt: "$lt", opLte: "$lte", opGt: "$gt", opGte: "$gte", opIn: "$in"}

// filter builds the condition of a plan. Any condition on a declared field keeps tombstones out; without one they
// have to be named.
func (p plan) filter() bson.D {
	var all bson.A
	for _, c := range p.conds {
		var v any = bson.A(c.values)
		if c.op != opIn {
			v = c.values[0]
		}
		all = append(all, bson.D{{Key: c.field.name, Value: bson.D{{Key: mongoOps[c.op], Value: v}}}})
	}
	if len(all) == 0 {
		all = append(all, bson.D{{Key: bsonGone, Value: bson.D{{Key: "$exists", Value: false}}}})
	}
	if p.after != nil {
		past := "$gt"
		if p.desc {
			past = "$lt"
		}
		beyond := bson.D{{Key: bsonID, Value: bson.D{{Key: past, Value: p.after.id}}}}
		if p.sort != nil {
			beyond = bson.D{{Key: "$or", Value: bson.A{
				bson.D{{Key: p.sort.name, Value: bson.D{{Key: past, Value: p.after.key}}}},
				bson.D{{Key: p.sort.name, Value: bson.D{{Key: "$eq", Value: p.after.key}}}, beyond[0]},
			}}}
		}
		all = append(all, beyond)
	}
	return bson.D{{Key: "$and", Value: all}}
}

func (d *mongoDB) find(ctx context.Context, collection string, p plan) ([]stored, error) {
	dir := 1
	if p.desc {
		dir = -1
	}
	order := bson.D{}
	if p.sort != nil {
		order = append(order, bson.E{Key: p.sort.name, Value: dir})
	}
	order = append(order, bson.E{Key: bsonID, Value: dir})
	return d.read(ctx, collection, p.filter(), p.sort, options.Find().SetSort(order).SetLimit(int64(p.limit)))
}

func (d *mongoDB) count(ctx context.Context, collection string, p plan) (int64, error) {
	n, err := d.db.Collection(collection).CountDocuments(ctx, p.filter())
	return n, mongoError(err)
}

func (d *mongoDB) group(ctx context.Context, collection string, f field, p plan) (out []Group, err error) {
	cur, err := d.db.Collection(collection).Aggregate(ctx, mongo.Pipeline{
		{{Key: "$match", Value: p.filter()}},
		{{Key: "$group", Value: bson.D{{Key: "_id", Value: "$" + f.name}, {Key: "n", Value: bson.D{{Key: "$sum", Value: 1}}}}}},
	})
	if err != nil {
		return nil, mongoError(err)
	}
	defer func() { err = errors.Join(err, mongoError(cur.Close(ctx))) }()
	for cur.Next(ctx) {
		v, err := scalarOf(cur.Current.Lookup("_id"), f)
		if err != nil {
			return nil, err
		}
		out = append(out, Group{Value: v, Count: cur.Current.Lookup("n").AsInt64()})
	}
	slices.SortFunc(out, func(a, b Group) int { return compareScalars(a.Value, b.Value) })
	return out, mongoError(cur.Err())
}

// compareScalars orders two values of one kind.
func compareScalars(a, b any) int {
	switch x := a.(type) {
	case string:
		return cmp.Compare(x, b.(string))
	case int64:
		return cmp.Compare(x, b.(int64))
	case float64:
		return cmp.Compare(x, b.(float64))
	}
	switch x, y := a.(bool), b.(bool); {
	case x == y:
		return 0
	case y:
		return -1
	}
	return 1
}
