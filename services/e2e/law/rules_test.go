package law

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
)

const module = "github.com/hotline-desk/hotline/"

// rule judges one file and returns its breaches, each without the file's name.
type rule struct {
	name  string
	check func(f *file) []string
}

var rules = []rule{
	{"kernel knows no service", kernelKnowsNoService},
	{"services are strangers", servicesAreStrangers},
	{"deciders are pure", decidersArePure},
	{"NATS in the event log only", confine("github.com/nats-io/", in("pkg/eventlog", "pkg/natsd"))},
	{"MongoDB in views only", confine("go.mongodb.org/", in("pkg/view"))},
	{"SQLite in views only", confine("modernc.org/sqlite", in("pkg/view"))},
	{"database/sql in views only", confine("database/sql", in("pkg/view"))},
	{"gRPC in grpc.go only", confine("google.golang.org/grpc", grpcPlaces)},
	{"telego at Telegram's edge only", confine("github.com/mymmrac/telego",
		in("services/ingress", "services/relay", "services/setup", "services/gateway", "services/simulator"))},
	{"gotd in session only", confine("github.com/gotd/", in("services/session"))},
	{"no init", noInit},
	{"no sleeping, no skipping", noSleepNoSkip},
	{"file length", fileLength},
	{"function length", functionLength},
	{"interface size", interfaceSize},
	{"exported symbols of the kernel are documented", documented},
}

func in(places ...string) func(*file) bool {
	return func(f *file) bool {
		return slices.ContainsFunc(places, func(p string) bool { return strings.HasPrefix(f.path, p+"/") })
	}
}

// grpcPlaces: the transport is one file; the all-in-one wires it, tests may speak it.
func grpcPlaces(f *file) bool {
	return path.Base(f.path) == "grpc.go" || f.test || f.generated || in("services/hotline", "services/e2e")(f)
}

// confine keeps an import (and what lies below it) to the files that allowed admits.
func confine(imp string, allowed func(*file) bool) func(*file) []string {
	return func(f *file) []string {
		if allowed(f) {
			return nil
		}
		return f.importing(func(p string) bool { return below(p, imp) })
	}
}

func below(p, root string) bool {
	root = strings.TrimSuffix(root, "/")
	return p == root || strings.HasPrefix(p, root+"/")
}

func kernelKnowsNoService(f *file) []string {
	switch {
	case strings.HasPrefix(f.path, "pkg/"):
		return f.importing(func(p string) bool { return below(p, module+"services") })
	case strings.HasPrefix(f.path, "proto/"):
		return f.importing(func(p string) bool { return below(p, module+"services") || below(p, module+"pkg") })
	}
	return nil
}

// servicesAreStrangers: hotline and e2e put services together; any service's tests may
// use the simulator, which is Telegram to them.
func servicesAreStrangers(f *file) []string {
	own := serviceOf(f.path)
	if own == "" || own == "hotline" || own == "e2e" {
		return nil
	}
	return f.importing(func(p string) bool {
		other := serviceOf(strings.TrimPrefix(p, module))
		return other != "" && other != own && !(f.test && other == "simulator")
	})
}

func serviceOf(p string) string {
	rest, ok := strings.CutPrefix(p, "services/")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

var (
	impure = []string{
		"context", "log", "math/rand", "crypto/rand", "os", "net", "sync", "database/sql", "github.com/google/uuid",
		"go.uber.org/zap", "go.opentelemetry.io/otel", "github.com/prometheus/client_golang",
		"github.com/nats-io", "go.mongodb.org", "modernc.org/sqlite", "google.golang.org/grpc", "github.com/mymmrac/telego",
		module + "pkg/eventlog", module + "pkg/natsd", module + "pkg/view", module + "pkg/run", module + "pkg/telemetry", module + "pkg/config",
	}
	clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}
)

// decidersArePure: a decider is decider.go, decide*.go, or whatever declares Decide or
// Evolve, in a service.
func decidersArePure(f *file) []string {
	if f.test || serviceOf(f.path) == "" || serviceOf(f.path) == "e2e" || !isDecider(f) {
		return nil
	}
	bad := f.importing(func(p string) bool {
		return slices.ContainsFunc(impure, func(i string) bool { return below(p, i) })
	})
	return append(bad, f.calling("time", clock...)...)
}

func isDecider(f *file) bool {
	if strings.HasPrefix(path.Base(f.path), "decide") {
		return true
	}
	return slices.ContainsFunc(f.ast.Decls, func(d ast.Decl) bool {
		fn, ok := d.(*ast.FuncDecl)
		return ok && (fn.Name.Name == "Decide" || fn.Name.Name == "Evolve")
	})
}

func noInit(f *file) []string {
	var bad []string
	for _, d := range f.ast.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			bad = append(bad, "has an init function")
		}
	}
	return bad
}

func noSleepNoSkip(f *file) []string {
	bad := f.calling("time", "Sleep")
	for _, tb := range []string{"t", "b", "tb"} {
		bad = append(bad, f.calling(tb, "Skip", "Skipf", "SkipNow")...)
	}
	return bad
}

const (
	maxFile      = 450 // lines; 300 is the aim
	maxFunction  = 80  // lines; 50 is the aim
	maxInterface = 4   // methods, an embedded interface counting as one
)

func fileLength(f *file) []string {
	if f.test || f.lines <= maxFile {
		return nil
	}
	return []string{fmt.Sprintf("has %d lines, %d are allowed", f.lines, maxFile)}
}

func functionLength(f *file) []string {
	if f.test {
		return nil
	}
	var bad []string
	for _, d := range f.ast.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if n := f.line(fn.End()) - f.line(fn.Pos()) + 1; n > maxFunction {
			bad = append(bad, fmt.Sprintf("%s has %d lines, %d are allowed", fn.Name.Name, n, maxFunction))
		}
	}
	return bad
}

func interfaceSize(f *file) []string {
	var bad []string
	ast.Inspect(f.ast, func(n ast.Node) bool {
		i, ok := n.(*ast.InterfaceType)
		if !ok {
			return true
		}
		count := 0
		for _, m := range i.Methods.List {
			count += max(1, len(m.Names))
		}
		if count > maxInterface {
			bad = append(bad, fmt.Sprintf("line %d: an interface with %d methods, %d are allowed", f.line(i.Pos()), count, maxInterface))
		}
		return true
	})
	return bad
}

// documented: a comment on a group of constants or variables serves them all.
func documented(f *file) []string {
	if f.test || !strings.HasPrefix(f.path, "pkg/") {
		return nil
	}
	var bad []string
	want := func(name *ast.Ident, docs ...*ast.CommentGroup) {
		if name.IsExported() && !slices.ContainsFunc(docs, func(c *ast.CommentGroup) bool { return c != nil }) {
			bad = append(bad, name.Name+" is not documented")
		}
	}
	for _, d := range f.ast.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if receiverExported(d) {
				want(d.Name, d.Doc)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					want(s.Name, s.Doc, d.Doc)
				case *ast.ValueSpec:
					for _, name := range s.Names {
						want(name, s.Doc, s.Comment, d.Doc)
					}
				}
			}
		}
	}
	return bad
}

func receiverExported(fn *ast.FuncDecl) bool {
	if fn.Recv == nil {
		return true
	}
	t := fn.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}
