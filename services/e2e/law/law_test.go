package law

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// file is one parsed source.
type file struct {
	path      string // from the root of the repository, with slashes
	test      bool
	generated bool
	lines     int
	ast       *ast.File
	set       *token.FileSet
}

func parse(name string, src []byte) (*file, error) {
	f := &file{path: name, test: strings.HasSuffix(name, "_test.go"), lines: bytes.Count(src, []byte("\n")), set: token.NewFileSet()}
	var err error
	if f.ast, err = parser.ParseFile(f.set, name, src, parser.ParseComments|parser.SkipObjectResolution); err != nil {
		return nil, err
	}
	f.generated = ast.IsGenerated(f.ast)
	return f, nil
}

func (f *file) line(p token.Pos) int { return f.set.Position(p).Line }

func (f *file) importing(bad func(string) bool) []string {
	var found []string
	for _, i := range f.ast.Imports {
		if p, err := strconv.Unquote(i.Path.Value); err == nil && bad(p) {
			found = append(found, "imports "+p)
		}
	}
	return found
}

// calling finds uses of pkg.name, by the name that pkg has in the file.
func (f *file) calling(pkg string, names ...string) []string {
	var found []string
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == pkg && slices.Contains(names, s.Sel.Name) {
				found = append(found, fmt.Sprintf("line %d: uses %s.%s", f.line(s.Pos()), pkg, s.Sel.Name))
			}
		}
		return true
	})
	return found
}

// tree parses every Go file of the repository. Files named zz_* are scratch that is
// never committed.
func tree(t *testing.T) []*file {
	t.Helper()
	root := repository(t)
	var files []*file
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == "bin" || d.Name() == "data" || strings.HasPrefix(d.Name(), ".") && p != root):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasPrefix(d.Name(), "zz_"):
			return nil
		}
		src, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		f, err := parse(filepath.ToSlash(name), src)
		if err != nil {
			return err
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func repository(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("there is no go.work above the test")
		}
		dir = filepath.Dir(dir)
	}
}

func TestTreeObeys(t *testing.T) {
	files := tree(t)
	seen := map[string]bool{}
	for _, f := range files {
		top, _, _ := strings.Cut(f.path, "/")
		seen[top] = true
		for _, r := range rules {
			if f.generated && r.name != "kernel knows no service" {
				continue
			}
			for _, breach := range r.check(f) {
				t.Errorf("%s: %s (%s)", f.path, breach, r.name)
			}
		}
	}
	for _, top := range []string{"proto", "pkg", "services"} {
		if !seen[top] {
			t.Errorf("%s was not looked at", top)
		}
	}
	for _, breach := range uncommented(files) {
		t.Error(breach)
	}
}

// uncommented lists the packages without a package comment. Generated packages and those
// that consist of tests have none.
func uncommented(files []*file) []string {
	comment := map[string]bool{}
	for _, f := range files {
		if f.test || f.generated {
			continue
		}
		dir := path.Dir(f.path)
		comment[dir] = comment[dir] || f.ast.Doc != nil
	}
	var bad []string
	for dir, ok := range comment {
		if !ok {
			bad = append(bad, dir+": the package has no comment")
		}
	}
	slices.Sort(bad)
	return bad
}

// sample is a file that one rule must reject, or, without a rule, that all must accept.
type sample struct {
	rule, path, src string
}

func importing(p string) string { return "// Package x is.\npackage x\nimport _ \"" + p + "\"\n" }

func long(lines int) string { return strings.Repeat("\t_ = 1\n", lines) }

var samples = []sample{
	{"kernel knows no service", "pkg/es/es.go", importing(module + "services/dialog")},
	{"kernel knows no service", "pkg/es/es_test.go", importing(module + "services/simulator")},
	{"kernel knows no service", "proto/x.go", importing(module + "pkg/es")},
	{"services are strangers", "services/dialog/grpc.go", importing(module + "services/relay")},
	{"services are strangers", "services/dialog/cmd/dialog/main.go", importing(module + "services/ingress")},
	{"services are strangers", "services/dialog/x.go", importing(module + "services/simulator")},
	{"services are strangers", "services/dialog/x_test.go", importing(module + "services/relay")},
	{"deciders are pure", "services/dialog/decider.go", importing("context")},
	{"deciders are pure", "services/dialog/decider.go", importing("math/rand/v2")},
	{"deciders are pure", "services/dialog/decider.go", importing("log/slog")},
	{"deciders are pure", "services/dialog/decide_customer.go", importing("go.uber.org/zap")},
	{"deciders are pure", "services/dialog/decider.go", importing(module + "pkg/eventlog")},
	{"deciders are pure", "services/dialog/decider.go", "package x\nimport \"time\"\nvar _ = time.Now()\n"},
	{"deciders are pure", "services/dialog/status.go", "package x\nimport \"os\"\nfunc Evolve() { os.Exit(1) }\n"},
	{"NATS in the event log only", "pkg/es/es.go", importing("github.com/nats-io/nats.go/jetstream")},
	{"NATS in the event log only", "services/relay/relay_test.go", importing("github.com/nats-io/nats-server/v2/server")},
	{"MongoDB in views only", "services/dialog/projector.go", importing("go.mongodb.org/mongo-driver/v2/bson")},
	{"SQLite in views only", "services/dialog/projector.go", importing("modernc.org/sqlite")},
	{"database/sql in views only", "pkg/viewer/x.go", importing("database/sql")},
	{"gRPC in grpc.go only", "services/dialog/dialog.go", importing("google.golang.org/grpc/status")},
	{"telego at Telegram's edge only", "services/dialog/reactor.go", importing("github.com/mymmrac/telego")},
	{"telego at Telegram's edge only", "pkg/tg/tg.go", importing("github.com/mymmrac/telego/telegoapi")},
	{"gotd in session only", "services/gateway/x.go", importing("github.com/gotd/td/tg")},
	{"no init", "pkg/es/es.go", "package x\nfunc init() {}\n"},
	{"no sleeping, no skipping", "services/relay/x.go", "package x\nimport \"time\"\nfunc f() { time.Sleep(1) }\n"},
	{"no sleeping, no skipping", "services/relay/x_test.go", "package x\nimport \"testing\"\nfunc f(t *testing.T) { t.Skip() }\n"},
	{"file length", "services/relay/x.go", "package x\nfunc f() {\n}\n" + strings.Repeat("//\n", maxFile)},
	{"function length", "services/relay/x.go", "package x\nfunc f() {\n" + long(maxFunction) + "}\n"},
	{"function length", "services/relay/x.go", "package x\ntype s int\nfunc (s) f() {\n" + long(maxFunction) + "}\n"},
	{"interface size", "services/relay/x.go", "package x\ntype i interface { a(); b(); c(); d(); e() }\n"},
	{"interface size", "services/relay/x_test.go", "package x\nfunc f(interface { error; b(); c(); d(); e() }) {}\n"},
	{"exported symbols of the kernel are documented", "pkg/es/es.go", "package x\nfunc F() {}\n"},
	{"exported symbols of the kernel are documented", "pkg/es/es.go", "package x\n// S is.\ntype S[T any] struct{}\nfunc (*S[T]) M() {}\n"},
	{"exported symbols of the kernel are documented", "pkg/es/es.go", "package x\nconst C = 1\n"},
	{"exported symbols of the kernel are documented", "pkg/es/es.go", "package x\ntype T int\n"},

	{"", "pkg/eventlog/store.go", importing("github.com/nats-io/nats.go")},
	{"", "pkg/view/mongo.go", importing("go.mongodb.org/mongo-driver/v2/mongo")},
	{"", "services/dialog/grpc.go", importing("google.golang.org/grpc")},
	{"", "services/hotline/wire.go", importing(module + "services/dialog")},
	{"", "services/e2e/x_test.go", importing(module + "services/relay")},
	{"", "services/relay/x_test.go", importing(module + "services/simulator")},
	{"", "services/relay/x.go", importing(module + "services/relay/journal")},
	{"", "services/dialog/decider.go", "package x\nimport \"time\"\nvar d = 2 * time.Hour\n"},
	{"", "services/simulator/x.go", importing("github.com/mymmrac/telego")},
	{"", "services/relay/x.go", "package x\nfunc f() {\n" + long(maxFunction-2) + "}\ntype i interface { a(); b(); c(); d() }\n"},
	{"", "pkg/es/es_test.go", "package x\nfunc F() {\n" + long(maxFile) + "}\n"},
	{"", "pkg/es/es.go", "package x\n// The sizes.\nconst (\n A = 1\n B = 2\n)\ntype t int\nfunc (t) M() {}\n"},
}

func TestRulesBite(t *testing.T) {
	bitten := map[string]bool{}
	for _, s := range samples {
		f, err := parse(s.path, []byte(s.src))
		if err != nil {
			t.Fatal(err)
		}
		caught := false
		for _, r := range rules {
			breaches := r.check(f)
			switch {
			case r.name == s.rule:
				caught = len(breaches) > 0
			case s.rule == "" && len(breaches) > 0:
				t.Errorf("%s is innocent, but: %v (%s)\n%s", s.path, breaches, r.name, s.src)
			}
		}
		if s.rule != "" && !caught {
			t.Errorf("%q let pass %s:\n%s", s.rule, s.path, s.src)
		}
		bitten[s.rule] = true
	}
	for _, r := range rules {
		if !bitten[r.name] {
			t.Errorf("no sample proves that %q bites", r.name)
		}
	}
}

func TestPackageCommentIsMissed(t *testing.T) {
	var files []*file
	for name, src := range map[string]string{"pkg/a/a.go": "package a\n", "pkg/b/b.go": "package b\n", "pkg/b/doc.go": "// Package b is.\npackage b\n", "pkg/c/c_test.go": "package c\n"} {
		f, err := parse(name, []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	if got := uncommented(files); len(got) != 1 || !strings.HasPrefix(got[0], "pkg/a:") {
		t.Errorf("got %q", got)
	}
}
