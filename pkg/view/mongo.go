package view

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

const (
	// mongoSelect bounds the search for a server; an operation then is ErrUnavailable.
	mongoSelect = 5 * time.Second
	// mongoTimeout bounds an operation whose context has no deadline of its own.
	mongoTimeout = 60 * time.Second
)

// mongoDB is the production adapter. It uses what every server version since 5.0 has, and no transactions, so that a
// standalone server serves as well: documents are written before the checkpoint, and their guard makes repeating safe.
type mongoDB struct {
	client *mongo.Client
	db     *mongo.Database
	bulk   int
}

func openMongo(ctx context.Context, c Config) (*backend, error) {
	opts := options.Client().ApplyURI(c.URI)
	if opts.Validate() != nil {
		// The driver's text may quote the URI, and the URI a password.
		return nil, fmt.Errorf("database URI: %w", ErrInvalid)
	}
	opts.SetServerSelectionTimeout(mongoSelect).SetTimeout(mongoTimeout).
		SetWriteConcern(writeconcern.Majority()).SetReadPreference(readpref.Primary())
	client, err := mongo.Connect(opts)
	if err != nil {
		return nil, fmt.Errorf("database URI: %w", ErrInvalid)
	}
	name := c.Database
	if name == "" {
		name = "hotline"
	}
	d := &mongoDB{client: client, db: client.Database(name), bulk: c.MaxBulk}
	if err := d.ping(ctx); err != nil {
		return nil, errors.Join(err, d.close(ctx))
	}
	keys := mongo.IndexModel{Keys: bson.D{{Key: "collection", Value: 1}}}
	if _, err := d.marks().Indexes().CreateOne(ctx, keys); err != nil {
		return nil, errors.Join(mongoError(err), d.close(ctx))
	}
	return &backend{d, d, d, d, d}, nil
}

func (d *mongoDB) ping(ctx context.Context) error { return mongoError(d.client.Ping(ctx, nil)) }

func (d *mongoDB) close(ctx context.Context) error { return mongoError(d.client.Disconnect(ctx)) }

func (d *mongoDB) catalog() *mongo.Collection { return d.db.Collection("view_collections") }
func (d *mongoDB) names() *mongo.Collection   { return d.db.Collection("view_aliases") }
func (d *mongoDB) marks() *mongo.Collection   { return d.db.Collection("view_checkpoints") }

// mongoGeneration is a row of the catalogue.
type mongoGeneration struct {
	Collection string `bson:"_id"`
	Name       string `bson:"name"`
	Version    int    `bson:"version"`
	Rev        int    `bson:"rev"`
	Building   bool   `bson:"building"`
	Claim      string `bson:"claim"`
	Shape      string `bson:"shape"`
}

func (g generation) row() mongoGeneration {
	return mongoGeneration{g.collection, g.name, g.version, g.rev, g.building, g.claim, g.shape.String()}
}

// mongoAlias is a row of the aliases.
type mongoAlias struct {
	Name       string `bson:"_id"`
	Collection string `bson:"collection"`
	Previous   string `bson:"previous"`
}

// mongoMark is a checkpoint.
type mongoMark struct {
	ID          string `bson:"_id"`
	Collection  string `bson:"collection"`
	Stream      string `bson:"stream"`
	Incarnation string `bson:"incarnation"`
	Seq         int64  `bson:"seq"`
	Retired     bool   `bson:"retired"`
}

func markID(collection, stream, incarnation string) string {
	return collection + "|" + stream + "|" + incarnation
}

// create claims the name with a catalogue row; what an interrupted attempt left under it is dropped.
func (d *mongoDB) create(ctx context.Context, g generation) error {
	if _, err := d.catalog().InsertOne(ctx, g.row()); mongo.IsDuplicateKeyError(err) {
		return ErrFenced
	} else if err != nil {
		return mongoError(err)
	}
	if err := d.clear(ctx, g.collection); err != nil {
		return err
	}
	if err := d.db.CreateCollection(ctx, g.collection); err != nil {
		return mongoError(err)
	}
	var models []mongo.IndexModel
	for _, ix := range g.shape.indexes {
		keys := bson.D{}
		for _, name := range ix {
			keys = append(keys, bson.E{Key: name, Value: 1})
		}
		models = append(models, mongo.IndexModel{Keys: append(keys, bson.E{Key: bsonID, Value: 1})})
	}
	if len(models) == 0 {
		return nil
	}
	_, err := d.db.Collection(g.collection).Indexes().CreateMany(ctx, models)
	return mongoError(err)
}

// clear removes checkpoints and documents, in this order: the first fence a writer that is still at work.
func (d *mongoDB) clear(ctx context.Context, collection string) error {
	if _, err := d.marks().DeleteMany(ctx, bson.D{{Key: "collection", Value: collection}}); err != nil {
		return mongoError(err)
	}
	return mongoError(d.db.Collection(collection).Drop(ctx))
}

// drop gives up the name first: of several who drop, one goes on. What an interruption leaves has no name, and
// create clears it.
func (d *mongoDB) drop(ctx context.Context, g generation) error {
	res, err := d.catalog().DeleteOne(ctx, bson.D{{Key: "_id", Value: g.collection}, {Key: "claim", Value: g.claim}})
	if err != nil {
		return mongoError(err)
	}
	if res.DeletedCount == 0 {
		return ErrFenced
	}
	return d.clear(ctx, g.collection)
}

// rename is not atomic; what an interruption leaves is a building collection or a name without a catalogue row, and
// create clears both.
func (d *mongoDB) rename(ctx context.Context, from string, to generation) error {
	cps, err := d.checkpoints(ctx, from)
	if err != nil {
		return err
	}
	cmd := bson.D{{Key: "renameCollection", Value: d.db.Name() + "." + from},
		{Key: "to", Value: d.db.Name() + "." + to.collection}}
	if err := d.client.Database("admin").RunCommand(ctx, cmd).Err(); err != nil {
		return mongoError(err)
	}
	if err := d.begin(ctx, to.collection, cps); err != nil {
		return err
	}
	_, err = d.catalog().ReplaceOne(ctx, bson.D{{Key: "_id", Value: to.collection}}, to.row(),
		options.Replace().SetUpsert(true))
	if err != nil {
		return mongoError(err)
	}
	return d.drop(ctx, generation{collection: from, claim: to.claim})
}

func (d *mongoDB) list(ctx context.Context, name string) ([]generation, error) {
	cur, err := d.catalog().Find(ctx, bson.D{{Key: "name", Value: name}})
	if err != nil {
		return nil, mongoError(err)
	}
	var rows []mongoGeneration
	if err := cur.All(ctx, &rows); err != nil {
		return nil, mongoError(err)
	}
	out := make([]generation, len(rows))
	for i, r := range rows {
		out[i] = generation{r.Collection, r.Name, r.Version, r.Rev, r.Building, r.Claim, parseShape(r.Shape)}
	}
	return out, nil
}

func (d *mongoDB) alias(ctx context.Context, name string) (alias, error) {
	var row mongoAlias
	err := d.names().FindOne(ctx, bson.D{{Key: "_id", Value: name}}).Decode(&row)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return alias{}, nil
	}
	return alias{row.Collection, row.Previous}, mongoError(err)
}

// point fences the former collection before the alias moves: interrupted in between, the view is rebuilt once more,
// and nobody writes where nobody reads.
func (d *mongoDB) point(ctx context.Context, name, collection string) error {
	a, err := d.alias(ctx, name)
	if err != nil {
		return err
	}
	row := mongoAlias{name, collection, a.previous}
	if a.collection != collection {
		row.Previous = a.collection
		if err := d.retire(ctx, a.collection); err != nil {
			return err
		}
	}
	if err := d.setRetired(ctx, collection, false); err != nil {
		return err
	}
	_, err = d.names().ReplaceOne(ctx, bson.D{{Key: "_id", Value: name}}, row, options.Replace().SetUpsert(true))
	return mongoError(err)
}

func (d *mongoDB) retire(ctx context.Context, collection string) error {
	return d.setRetired(ctx, collection, true)
}

func (d *mongoDB) setRetired(ctx context.Context, collection string, retired bool) error {
	_, err := d.marks().UpdateMany(ctx, bson.D{{Key: "collection", Value: collection}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "retired", Value: retired}}}})
	return mongoError(err)
}
