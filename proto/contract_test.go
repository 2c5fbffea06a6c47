package proto_test

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "github.com/hotline-desk/hotline/proto/gen/hotline/api/v1"
	_ "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

var update = flag.Bool("update", false, "record additions to the event contract")

const golden = "testdata/event_v1.golden"

// compile reads every .proto file below hotline.
func compile(t *testing.T) []protoreflect.FileDescriptor {
	t.Helper()
	var paths []string
	err := filepath.WalkDir("hotline", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".proto") {
			paths = append(paths, filepath.ToSlash(path))
		}
		return err
	})
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d sources, %v", len(paths), err)
	}
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(&protocompile.SourceResolver{ImportPaths: []string{"."}})}
	files, err := c.Compile(t.Context(), paths...)
	if err != nil {
		t.Fatal(err)
	}
	var all []protoreflect.FileDescriptor
	for _, f := range files {
		all = append(all, f)
	}
	return all
}

// The generated code describes what the sources say. Comments are not compared.
func TestGeneratedCodeFollowsTheSources(t *testing.T) {
	generated := map[string]bool{}
	for _, f := range compile(t) {
		base := "gen/" + strings.TrimSuffix(f.Path(), ".proto")
		generated[base+".pb.go"] = true
		built, err := protoregistry.GlobalFiles.FindFileByPath(f.Path())
		if err != nil {
			t.Errorf("%s is not generated, or its package is not imported by this test: make gen", f.Path())
			continue
		}
		want, got := protodesc.ToFileDescriptorProto(f), protodesc.ToFileDescriptorProto(built)
		want.SourceCodeInfo, got.SourceCodeInfo = nil, nil
		if !proto.Equal(want, got) {
			t.Errorf("%s: the generated code is of another version: make gen\n%s", f.Path(), firstDifference(prototext.Format(want), prototext.Format(got)))
		}
		if f.Services().Len() > 0 {
			generated[base+"_grpc.pb.go"] = true
			checkMethods(t, f, base+"_grpc.pb.go")
		}
	}
	checkLeftOvers(t, generated)
}

func checkMethods(t *testing.T, f protoreflect.FileDescriptor, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
		return
	}
	for i := range f.Services().Len() {
		s := f.Services().Get(i)
		for j := range s.Methods().Len() {
			name := fmt.Sprintf(`"/%s/%s"`, s.FullName(), s.Methods().Get(j).Name())
			if !strings.Contains(string(text), name) {
				t.Errorf("%s has no method %s: make gen", path, name)
			}
		}
	}
}

func checkLeftOvers(t *testing.T, generated map[string]bool) {
	t.Helper()
	err := filepath.WalkDir("gen", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !generated[filepath.ToSlash(path)] {
			t.Errorf("%s has no source any more", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		// The text format varies its blanks from build to build, not within one.
		if w[i] != g[i] {
			return fmt.Sprintf("source: %s\ngenerated: %s", w[i], g[i])
		}
	}
	return "one is longer"
}

// What was written into the log can be read for ever: a number never changes its name or
// type and never comes back, and what is retired leaves its number and name reserved.
func TestEventContractOnlyGrows(t *testing.T) {
	now := contract(compile(t), "hotline.event.")
	text, err := os.ReadFile(golden)
	if err != nil && !(*update && os.IsNotExist(err)) {
		t.Fatal(err)
	}
	recorded := parseContract(string(text))
	for _, fault := range broken(recorded, now) {
		t.Error(fault)
	}
	if t.Failed() {
		return
	}
	var added []string
	for key := range now {
		if _, ok := recorded[key]; !ok {
			added = append(added, key)
		}
	}
	if len(added) == 0 {
		return
	}
	if !*update {
		slices.Sort(added)
		t.Fatalf("not recorded yet; look at it once more, then: go test ./proto -run TestEventContractOnlyGrows -update\n%s", strings.Join(added, "\n"))
	}
	maps.Copy(recorded, now)
	if err := os.MkdirAll(filepath.Dir(golden), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(golden, []byte(formatContract(recorded)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The check above bites.
func TestBrokenContracts(t *testing.T) {
	before := `
syntax = "proto3"; package hotline.event.v1;
enum Kind { KIND_UNSPECIFIED = 0; KIND_TEXT = 1; }
message Fact { int64 at = 1; string id = 2; Kind kind = 3; oneof body { string a = 4; string b = 5; } }
`
	for name, tc := range map[string]struct {
		old, new string // replaced in the source
		faults   int
	}{
		"same":               {"", "", 0},
		"comment":            {"int64 at = 1;", "/* when */ int64 at = 1;", 0},
		"added":              {"int64 at = 1;", "int64 at = 1; int64 until = 9;", 0},
		"type changed":       {"int64 at = 1;", "int32 at = 1;", 1},
		"renamed":            {"int64 at = 1;", "int64 when = 1;", 1},
		"renumbered":         {"int64 at = 1;", "int64 at = 6;", 1},
		"repeated":           {"int64 at = 1;", "repeated int64 at = 1;", 1},
		"vanished":           {"int64 at = 1;", "", 1},
		"half reserved":      {"int64 at = 1;", "reserved 1;", 1},
		"retired":            {"int64 at = 1;", `reserved 1; reserved "at";`, 0},
		"left its oneof":     {"string b = 5; }", "} string b = 5;", 1},
		"enum value renamed": {"KIND_TEXT", "KIND_PHOTO", 1},
		"enum value gone":    {"KIND_TEXT = 1;", "", 1},
		"enum value retired": {"KIND_TEXT = 1;", `reserved 1; reserved "KIND_TEXT";`, 0},
		"message renamed":    {"message Fact", "message Event", 5},
	} {
		t.Run(name, func(t *testing.T) {
			faults := broken(contractOf(t, before), contractOf(t, strings.Replace(before, tc.old, tc.new, 1)))
			if len(faults) != tc.faults {
				t.Errorf("%d faults, want %d: %q", len(faults), tc.faults, faults)
			}
		})
	}
	recorded := contractOf(t, before)
	if again := parseContract(formatContract(recorded)); !maps.Equal(again, recorded) {
		t.Error("the record does not survive being written")
	}
}

func contractOf(t *testing.T, source string) map[string]string {
	t.Helper()
	c := protocompile.Compiler{Resolver: &protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(map[string]string{"x.proto": source})}}
	files, err := c.Compile(context.Background(), "x.proto")
	if err != nil {
		t.Fatal(err)
	}
	return contract([]protoreflect.FileDescriptor{files[0]}, "hotline.event.")
}

const reserved = "reserved"

// contract maps "message number" to "name type" for everything below the package prefix,
// and reserved numbers and names to the word reserved.
func contract(files []protoreflect.FileDescriptor, prefix string) map[string]string {
	c := map[string]string{}
	for _, f := range files {
		if strings.HasPrefix(string(f.Package())+".", prefix) {
			addMessages(c, f.Messages())
			addEnums(c, f.Enums())
		}
	}
	return c
}

func addMessages(c map[string]string, ms protoreflect.MessageDescriptors) {
	for i := range ms.Len() {
		m := ms.Get(i)
		for j := range m.Fields().Len() {
			f := m.Fields().Get(j)
			c[fmt.Sprintf("%s %d", m.FullName(), f.Number())] = fmt.Sprintf("%s %s", f.Name(), typeOf(f))
		}
		for j := range m.ReservedRanges().Len() {
			r := m.ReservedRanges().Get(j)
			for n := r[0]; n < min(r[1], r[0]+1000); n++ {
				c[fmt.Sprintf("%s %d", m.FullName(), n)] = reserved
			}
		}
		for j := range m.ReservedNames().Len() {
			c[fmt.Sprintf("%s %q", m.FullName(), m.ReservedNames().Get(j))] = reserved
		}
		addMessages(c, m.Messages())
		addEnums(c, m.Enums())
	}
}

func addEnums(c map[string]string, es protoreflect.EnumDescriptors) {
	for i := range es.Len() {
		e := es.Get(i)
		for j := range e.Values().Len() {
			v := e.Values().Get(j)
			c[fmt.Sprintf("%s %d", e.FullName(), v.Number())] = string(v.Name()) + " value"
		}
		for j := range e.ReservedRanges().Len() {
			r := e.ReservedRanges().Get(j)
			for n := r[0]; n <= min(r[1], r[0]+1000); n++ {
				c[fmt.Sprintf("%s %d", e.FullName(), n)] = reserved
			}
		}
		for j := range e.ReservedNames().Len() {
			c[fmt.Sprintf("%s %q", e.FullName(), e.ReservedNames().Get(j))] = reserved
		}
	}
}

func typeOf(f protoreflect.FieldDescriptor) string {
	text := f.Kind().String()
	switch {
	case f.IsMap():
		text = fmt.Sprintf("map<%s,%s>", typeOf(f.MapKey()), typeOf(f.MapValue()))
	case f.Message() != nil:
		text = string(f.Message().FullName())
	case f.Enum() != nil:
		text = string(f.Enum().FullName())
	}
	if f.IsList() {
		text = "repeated " + text
	}
	if f.HasOptionalKeyword() {
		text = "optional " + text
	} else if o := f.ContainingOneof(); o != nil {
		text += " of " + string(o.Name())
	}
	return text
}

// broken lists what recorded promised and now does not keep.
func broken(recorded, now map[string]string) []string {
	var faults []string
	for key, was := range recorded {
		is := now[key]
		if is == was {
			continue
		}
		owner, _, _ := strings.Cut(key, " ")
		name, _, _ := strings.Cut(was, " ")
		if is == reserved && now[fmt.Sprintf("%s %q", owner, name)] == reserved {
			continue // retired as it should be
		}
		if is == "" {
			is = "gone (reserve its number and its name)"
		}
		faults = append(faults, fmt.Sprintf("%s was %q and is %s", key, was, is))
	}
	slices.Sort(faults)
	return faults
}

func formatContract(c map[string]string) string {
	var lines []string
	for key, v := range c {
		lines = append(lines, key+"\t"+v+"\n")
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func parseContract(text string) map[string]string {
	c := map[string]string{}
	for line := range strings.Lines(text) {
		key, v, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		c[key] = v
	}
	return c
}
