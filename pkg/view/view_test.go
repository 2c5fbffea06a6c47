package view_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/hotline-desk/hotline/pkg/view"
	"github.com/hotline-desk/hotline/pkg/view/viewtest"
)

func open(t testing.TB) *view.Store {
	t.Helper()
	s, err := view.Open(t.Context(), view.Config{Path: filepath.Join(t.TempDir(), "views.db")})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closed(t testing.TB, s *view.Store) {
	t.Helper()
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestSQLite(t *testing.T) {
	viewtest.Run(t, func(t *testing.T) *view.Store { return open(t) })
}

// TestMongoDB runs where HOTLINE_TEST_MONGODB_URI names a server; it makes databases of its own and drops them.
func TestMongoDB(t *testing.T) {
	uri := os.Getenv("HOTLINE_TEST_MONGODB_URI")
	if uri == "" {
		t.Log("HOTLINE_TEST_MONGODB_URI is not set: no real MongoDB was tested")
		return
	}
	var n atomic.Int64
	viewtest.Run(t, func(t *testing.T) *view.Store {
		name := fmt.Sprintf("hotline_view_%d_%d", os.Getpid(), n.Add(1))
		t.Cleanup(func() { dropDatabase(t, uri, name) })
		s, err := view.Open(t.Context(), view.Config{URI: uri, Database: name})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func dropDatabase(t *testing.T, uri, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Errorf("drop %s: %v", name, err)
		return
	}
	if err := client.Database(name).Drop(ctx); err != nil {
		t.Errorf("drop %s: %v", name, err)
	}
	if err := client.Disconnect(ctx); err != nil {
		t.Errorf("disconnect: %v", err)
	}
}
