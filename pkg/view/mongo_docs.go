package view

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

func (d *mongoDB) begin(ctx context.Context, collection string, cps []checkpoint) error {
	for _, cp := range cps {
		id := markID(collection, cp.stream, cp.incarnation)
		row := bson.D{{Key: "collection", Value: collection}, {Key: "stream", Value: cp.stream},
			{Key: "incarnation", Value: cp.incarnation}, {Key: "seq", Value: int64(cp.seq)}, {Key: "retired", Value: false}}
		_, err := d.marks().UpdateOne(ctx, bson.D{{Key: "_id", Value: id}},
			bson.D{{Key: "$setOnInsert", Value: row}}, options.UpdateOne().SetUpsert(true))
		if err != nil {
			return mongoError(err)
		}
	}
	return nil
}

func (d *mongoDB) checkpoints(ctx context.Context, collection string) ([]checkpoint, error) {
	cur, err := d.marks().Find(ctx, bson.D{{Key: "collection", Value: collection}})
	if err != nil {
		return nil, mongoError(err)
	}
	var rows []mongoMark
	if err := cur.All(ctx, &rows); err != nil {
		return nil, mongoError(err)
	}
	out := make([]checkpoint, len(rows))
	for i, r := range rows {
		out[i] = checkpoint{r.Stream, r.Incarnation, uint64(r.Seq), r.Retired}
	}
	return out, nil
}

// commit writes the documents and then the checkpoints. Interrupted, it leaves documents ahead of their checkpoint,
// and the guard skips them when the records come again. A fenced writer is stopped before it writes; only one fenced
// at this very moment by another process still shows documents newer than where the collection stopped.
func (d *mongoDB) commit(ctx context.Context, g generation, ws []write, as []advance) error {
	for _, a := range as {
		n, err := d.marks().CountDocuments(ctx, standing(g, a))
		if err != nil {
			return mongoError(err)
		}
		if n != 1 {
			return fencedAt(g, a)
		}
	}
	for chunk := range slices.Chunk(ws, d.bulk) {
		if err := d.replace(ctx, g, chunk); err != nil {
			return err
		}
	}
	for _, a := range as {
		res, err := d.marks().UpdateOne(ctx, standing(g, a),
			bson.D{{Key: "$set", Value: bson.D{{Key: "seq", Value: int64(a.to)}}}})
		if err != nil {
			return mongoError(err)
		}
		if res.MatchedCount != 1 {
			return fencedAt(g, a)
		}
	}
	return nil
}

// standing finds the checkpoint where its writer believes it to be.
func standing(g generation, a advance) bson.D {
	return bson.D{{Key: "_id", Value: markID(g.collection, a.stream, a.incarnation)},
		{Key: "seq", Value: int64(a.from)}, {Key: "retired", Value: false}}
}

func fencedAt(g generation, a advance) error {
	return fmt.Errorf("checkpoint %s/%s at %d: %w", g.collection, a.stream, a.from, ErrFenced)
}

// replace writes documents where they are newer. Where the stored one is not older, nothing matches, and the upsert
// meets its id: a duplicate, which is an answer and no error. Since not every server goes on after an error, the
// writes are then repeated one by one; that happens after crashes only.
func (d *mongoDB) replace(ctx context.Context, g generation, ws []write) error {
	models := make([]mongo.WriteModel, len(ws))
	for i, w := range ws {
		doc, err := replacement(w)
		if err != nil {
			return err
		}
		filter := bson.D{{Key: bsonID, Value: w.id}, {Key: bsonSeq, Value: bson.D{{Key: "$lt", Value: int64(w.seq)}}}}
		models[i] = mongo.NewReplaceOneModel().SetFilter(filter).SetReplacement(doc).SetUpsert(true)
	}
	coll, unordered := d.db.Collection(g.collection), options.BulkWrite().SetOrdered(false)
	_, err := coll.BulkWrite(ctx, models, unordered)
	if !onlyDuplicates(err) {
		return mongoError(err)
	}
	for i := range models {
		if _, err := coll.BulkWrite(ctx, models[i:i+1], unordered); err != nil && !onlyDuplicates(err) {
			return mongoError(err)
		}
	}
	return nil
}

// replacement is the stored form of w; a tombstone lacks the declared fields, so that no condition meets it.
func replacement(w write) (bson.D, error) {
	pos := make(bson.D, 0, len(w.pos))
	for stream, seq := range w.pos {
		pos = append(pos, bson.E{Key: stream, Value: int64(seq)})
	}
	doc := bson.D{{Key: bsonID, Value: w.id}, {Key: bsonSeq, Value: int64(w.seq)}, {Key: bsonPos, Value: pos}}
	if w.doc == nil {
		return append(doc, bson.E{Key: bsonGone, Value: true}), nil
	}
	fields, err := toBSON(w.doc)
	if err != nil {
		return nil, fmt.Errorf("document %s: %w", w.id, err)
	}
	return append(doc, fields...), nil
}

// onlyDuplicates reports whether err says nothing but that documents are newer already.
func onlyDuplicates(err error) bool {
	var e mongo.BulkWriteException
	if !errors.As(err, &e) || e.WriteConcernError != nil || len(e.WriteErrors) == 0 {
		return false
	}
	for _, we := range e.WriteErrors {
		if we.Code != mongoDuplicate {
			return false
		}
	}
	return true
}

// mongoStored is what reading needs of a document besides its fields.
func mongoStored(raw bson.Raw) (stored, error) {
	var head struct {
		ID   string           `bson:"_id"`
		Pos  map[string]int64 `bson:"_pos"`
		Gone bool             `bson:"_gone"`
	}
	if err := bson.Unmarshal(raw, &head); err != nil {
		return stored{}, fmt.Errorf("stored document: %w", err)
	}
	s := stored{id: head.ID, pos: make(map[string]uint64, len(head.Pos))}
	for stream, seq := range head.Pos {
		s.pos[stream] = uint64(seq)
	}
	if head.Gone {
		return s, nil
	}
	var err error
	s.doc, err = toJSON(raw)
	return s, err
}

func (d *mongoDB) load(ctx context.Context, collection string, ids []string) ([]stored, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	filter := bson.D{{Key: bsonID, Value: bson.D{{Key: "$in", Value: ids}}}}
	if len(ids) == 1 {
		filter = bson.D{{Key: bsonID, Value: ids[0]}}
	}
	return d.read(ctx, collection, filter, nil, options.Find())
}

// read runs a find; the value of sort, if there is one, becomes the key.
func (d *mongoDB) read(ctx context.Context, collection string, filter bson.D, sort *field,
	o *options.FindOptionsBuilder) (out []stored, err error) {
	cur, err := d.db.Collection(collection).Find(ctx, filter, o)
	if err != nil {
		return nil, mongoError(err)
	}
	defer func() { err = errors.Join(err, mongoError(cur.Close(ctx))) }()
	for cur.Next(ctx) {
		s, err := mongoStored(cur.Current)
		if err != nil {
			return nil, err
		}
		if sort != nil {
			if s.key, err = scalarOf(cur.Current.Lookup(sort.name), *sort); err != nil {
				return nil, err
			}
		}
		out = append(out, s)
	}
	return out, mongoError(cur.Err())
}
