// Package ferrettest runs the conformance suite of pkg/view against its MongoDB adapter over a real wire connection,
// to a FerretDB (SQLite backend) that lives in the test process. It is a module of its own, outside the workspace, so
// that the server stays out of the product's dependencies:
//
//	cd pkg/view/ferrettest && GOWORK=off go test -race ./...
//
// FerretDB proves the protocol, the filters and the guard; it says nothing about speed or concurrency. It loses
// concurrent updates and hangs on bulks of a hundred updates, hence one writer and bulks of 90. A real MongoDB is
// tested by pkg/view itself, where HOTLINE_TEST_MONGODB_URI names one.
package ferrettest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/FerretDB/FerretDB/ferretdb"

	"github.com/hotline-desk/hotline/pkg/view"
	"github.com/hotline-desk/hotline/pkg/view/viewtest"
)

// serve starts a FerretDB and returns its URI.
func serve(t *testing.T) string {
	t.Helper()
	f, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: "127.0.0.1:0"},
		Logger:    slog.New(slog.NewTextHandler(io.Discard, nil)),
		Handler:   "sqlite",
		SQLiteURL: "file:" + t.TempDir() + "/",
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("ferretdb: %v", err)
		}
	})
	return f.MongoDBURI()
}

// stores opens a database of its own for every part of the suite.
func stores(uri string) func(t *testing.T) *view.Store {
	var n atomic.Int64
	return func(t *testing.T) *view.Store {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		name := fmt.Sprintf("view_%d_%d", os.Getpid(), n.Add(1))
		s, err := view.Open(ctx, view.Config{URI: uri, Database: name, MaxBulk: 90})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func TestFerretDB(t *testing.T) { viewtest.Run(t, stores(serve(t))) }

func TestWrongURI(t *testing.T) {
	for _, uri := range []string{"mongodb://user:hunter2@", "http://user:hunter2@host/"} {
		_, err := view.Open(t.Context(), view.Config{URI: uri})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("error %v", err)
		}
	}
}
