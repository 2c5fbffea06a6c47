package view

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strings"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Sentinels of this package; test with errors.Is.
var (
	// ErrNotFound: there is no such document.
	ErrNotFound = errors.New("view: not found")
	// ErrBehind: the view did not reach the position asked for before the deadline. Ask again.
	ErrBehind = errors.New("view: behind")
	// ErrUndeclared: a query names a field that no index of the schema declares. A programming error.
	ErrUndeclared = errors.New("view: field is not declared")
	// ErrInvalid: a schema, value, cursor, id or option that cannot be used. Repeating does not help.
	ErrInvalid = errors.New("view: invalid")
	// ErrTooBig: a document larger than MaxDocument.
	ErrTooBig = errors.New("view: document too big")
	// ErrNotReady: the view has no current collection of the version asked for; it is being built.
	ErrNotReady = errors.New("view: not built yet")
	// ErrSuperseded: a newer version of the view is current than the one this program writes. Upgrade, or Rollback.
	ErrSuperseded = errors.New("view: superseded by a newer version")
	// ErrVerify: a rebuilt collection does not hold what was written to it, or was refused by the caller's check.
	ErrVerify = errors.New("view: rebuild not verified")
	// ErrFenced: a checkpoint moved under its writer, or was retired by a switch: another writer is at work.
	ErrFenced = errors.New("view: fenced")
	// ErrUnavailable: the database does not answer or is busy. Try again later.
	ErrUnavailable = errors.New("view: database unavailable")
)

// errGone: the collection was dropped; the alias that led to it is stale.
var errGone = errors.New("view: collection is gone")

// sqliteError translates what database/sql and SQLite return.
func sqliteError(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_INTERRUPT:
		return fmt.Errorf("%w: %w", context.Canceled, err)
	case sqlite3.SQLITE_TOOBIG:
		return fmt.Errorf("%w: %w", ErrTooBig, err)
	case sqlite3.SQLITE_ERROR:
		if strings.Contains(err.Error(), "no such table") {
			return fmt.Errorf("%w: %w", errGone, err)
		}
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE:
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// Server error codes of MongoDB that this package tells apart.
const (
	mongoNamespaceNotFound = 26
	mongoTooLarge          = 10334
	mongoDuplicate         = 11000
)

// mongoError translates what the driver returns. The driver's own texts name hosts but no credentials. A deadline is
// ErrUnavailable as well, since the driver has deadlines of its own.
func mongoError(err error) error {
	if err == nil || (errors.Is(err, context.Canceled) && !mongo.IsTimeout(err)) {
		return err
	}
	if errors.Is(err, mongo.ErrNoDocuments) {
		return ErrNotFound
	}
	var ne net.Error
	if mongo.IsNetworkError(err) || mongo.IsTimeout(err) || errors.As(err, &ne) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	var se mongo.ServerError
	if !errors.As(err, &se) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	switch {
	case se.HasErrorCode(mongoNamespaceNotFound):
		return fmt.Errorf("%w: %w", errGone, err)
	case se.HasErrorCode(mongoTooLarge):
		return fmt.Errorf("%w: %w", ErrTooBig, err)
	case se.HasErrorLabel("RetryableWriteError"), se.HasErrorLabel("TransientTransactionError"):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return fmt.Errorf("database refused: %w", err)
}
