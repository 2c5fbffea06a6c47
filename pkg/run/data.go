package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
	"github.com/google/uuid"
)

// ErrData: the data directory cannot be used; the error says why and what to do.
var ErrData = errors.New("HOTLINE_DATA")

const (
	dataMode     fs.FileMode = 0o700
	lockFile                 = "lock"
	instanceFile             = "instance"
)

// Data is a data directory that this process alone uses.
type Data struct {
	Path     string // absolute
	Instance string // a UUID, made with the directory and kept for its life

	lock *flock.Flock
}

// OpenData creates or opens the directory at path, for its owner only, and locks it
// against other processes; the lock ends with the process, however it ends. Errors wrap
// ErrData.
func OpenData(path string) (*Data, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrData, err)
	}
	if err := claim(abs); err != nil {
		return nil, err
	}
	d := &Data{Path: abs, lock: flock.New(filepath.Join(abs, lockFile), flock.SetPermissions(0o600))}
	ok, err := d.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("%w: lock %s: %w", ErrData, abs, err)
	}
	if !ok {
		return nil, fmt.Errorf("%w: %s is in use by another Hotline process; stop that one, or choose another directory", ErrData, abs)
	}
	if d.Instance, err = instance(filepath.Join(abs, instanceFile)); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Sub returns a subdirectory, created for its owner only.
func (d *Data) Sub(name string) (string, error) {
	path := filepath.Join(d.Path, name)
	if err := os.MkdirAll(path, dataMode); err != nil {
		return "", fmt.Errorf("%w: %w", ErrData, err)
	}
	return path, nil
}

// Close gives the directory up.
func (d *Data) Close() error {
	if err := d.lock.Close(); err != nil {
		return fmt.Errorf("%w: unlock %s: %w", ErrData, d.Path, err)
	}
	return nil
}

// claim makes sure of a directory with mode 0700. One that others may enter is narrowed
// only when it is ours or empty: a mistyped path must not lock a system directory.
func claim(path string) error {
	if err := os.MkdirAll(path, dataMode); err != nil {
		return fmt.Errorf("%w: %w; choose a directory that this user may create", ErrData, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrData, err)
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	if ok, err := ours(path); err != nil {
		return fmt.Errorf("%w: %w", ErrData, err)
	} else if !ok {
		return fmt.Errorf("%w: %s holds other files and is open to other users; choose a new or empty directory", ErrData, path)
	}
	if err := os.Chmod(path, dataMode); err != nil {
		return fmt.Errorf("%w: %w; choose a subdirectory of it, or chmod 700 it", ErrData, err)
	}
	return nil
}

func ours(path string) (bool, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return false, err
	}
	empty := true
	for _, e := range entries {
		switch e.Name() {
		case instanceFile:
			return true, nil
		case "lost+found": // of a fresh volume
		default:
			empty = false
		}
	}
	return empty, nil
}

// instance reads the id, or makes one. The caller holds the lock. The file is replaced
// as a whole, and an empty one (of a crash) counts as none.
func instance(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w: %w", ErrData, err)
	}
	if text := strings.TrimSpace(string(text)); text != "" {
		if err := uuid.Validate(text); err != nil {
			return "", fmt.Errorf("%w: %s does not hold an instance id: %w", ErrData, path, err)
		}
		return text, nil
	}
	id := uuid.NewString()
	if err := os.WriteFile(path+".new", []byte(id+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("%w: %w", ErrData, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return "", fmt.Errorf("%w: %w", ErrData, err)
	}
	return id, nil
}
