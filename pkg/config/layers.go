package config

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/spf13/pflag"

	"github.com/hotline-desk/hotline/pkg/nearest"
)

// maxFile bounds what is read as a setting, against a path that names something else.
const maxFile = 1 << 20

var (
	// Settings of the tests and of the simulator, which are not a process's.
	foreign  = regexp.MustCompile(`^HOTLINE_(TEST|SIMULATOR)_`)
	yamlLine = regexp.MustCompile(`line \d+`)
	// An orchestrator describes a service called hotline to its neighbours in variables
	// of these shapes; they are not ours.
	injected = regexp.MustCompile(`^HOTLINE_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?)$`)
)

// environment returns the HOTLINE_ variables by key.
func (l *loader) environment(environ []string) map[string]string {
	values := map[string]string{}
	names := append(known(l.table, func(s Setting) string { return s.Env }, "_FILE"), envPrefix+"CONFIG")
	for _, pair := range environ {
		name, v, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, envPrefix) || foreign.MatchString(name) || injected.MatchString(name) {
			continue
		}
		if strings.HasSuffix(name, "_PORT") && (strings.HasPrefix(v, "tcp://") || strings.HasPrefix(v, "udp://")) {
			continue // injected as well, see above
		}
		if param, ok := strings.CutPrefix(name, envPrefix+"PARAM_"); ok {
			values[paramPrefix+param] = v
			continue
		}
		if !l.isKnown(name, names, name) {
			continue
		}
		values[strings.ToLower(strings.TrimPrefix(name, envPrefix))] = v
	}
	return values
}

// isKnown reports an unknown name, with the nearest known one.
func (l *loader) isKnown(name string, names []string, shown string) bool {
	if slices.Contains(names, name) {
		return true
	}
	remedy := "hotline help lists all settings"
	if near := nearest.Close(name, names); near != "" {
		remedy = "did you mean " + near + "?"
	}
	l.faults.add(shown, "there is no such setting", remedy)
	return false
}

// flags returns the flags that were given, by key. Flags of others are left alone.
func (l *loader) flags(fs *pflag.FlagSet) map[string]string {
	values := map[string]string{}
	if fs == nil {
		return values
	}
	ours := map[string]bool{"config": true}
	for _, name := range known(l.table, func(s Setting) string { return s.Flag }, "-file") {
		ours[name] = true
	}
	fs.Visit(func(f *pflag.Flag) {
		if ours[f.Name] {
			values[strings.ReplaceAll(f.Name, "-", "_")] = f.Value.String()
		}
	})
	params, err := fs.GetStringArray(paramKey)
	if err != nil {
		return values // a flag set without ours
	}
	for _, pair := range params {
		name, v, ok := strings.Cut(pair, "=")
		if !ok {
			l.faults.add("HOTLINE_PARAM_<NAME> (--param)", fmt.Sprintf("%q has no value", pair), "use --param NAME=VALUE")
			continue
		}
		values[paramPrefix+strings.ToUpper(name)] = v
	}
	return values
}

// file returns the file's settings by key.
func (l *loader) file(path string) map[string]string {
	values := map[string]string{}
	text, t := readFile(path)
	if t != nil {
		l.faults.add("HOTLINE_CONFIG", t.problem, t.remedy)
		return values
	}
	raw, err := yaml.Parser().Unmarshal([]byte(text))
	if err != nil {
		// The parser quotes what it did not understand, which may be a secret.
		where := yamlLine.FindString(err.Error())
		l.faults.add("HOTLINE_CONFIG", strings.TrimSpace(path+" is not a YAML mapping "+where), "write one setting per line, for instance: group: -1001234567890")
		return values
	}
	names := known(l.table, func(s Setting) string { return s.Key }, fileSuffix)
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		v := raw[key]
		if key == paramsKey {
			l.fileParams(path, v, values)
			continue
		}
		shown := fmt.Sprintf("%s (in %s)", key, path)
		if !l.isKnown(key, append(names, paramsKey), shown) {
			continue
		}
		if text, ok := scalar(v); ok {
			values[key] = text
		} else {
			l.faults.add(shown, "has to be a single value", "")
		}
	}
	return values
}

func (l *loader) fileParams(path string, v any, values map[string]string) {
	params, ok := v.(map[string]any)
	if !ok && v != nil {
		l.faults.add("params (in "+path+")", "has to be a mapping of names to values", "")
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		text, ok := scalar(params[name])
		if !ok {
			l.faults.add(fmt.Sprintf("params.%s (in %s)", name, path), "has to be a single value", "put lists into quotes, as the parameter wants them")
			continue
		}
		values[paramPrefix+strings.ToUpper(name)] = text
	}
}

func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string, bool, int, int64, uint64, float64:
		return fmt.Sprint(v), true
	}
	return "", false
}

// readSecrets replaces the _file names of a layer by what the files hold.
func (l *loader) readSecrets(ly layer) {
	for _, s := range l.table {
		path := ly.values[s.Key+fileSuffix]
		if !s.Secret || path == "" {
			continue
		}
		delete(ly.values, s.Key+fileSuffix)
		name := s.Env + "_FILE"
		if ly.origin != "" {
			name += " (" + ly.origin + ")"
		}
		if ly.values[s.Key] != "" {
			l.broken[s.Key] = true
			l.faults.add(name, s.Env+" is set in the same place", "set one of the two")
			continue
		}
		text, t := readFile(path)
		if t == nil && strings.TrimSpace(text) == "" {
			t = wrong("write the value into it", "%s is empty", path)
		}
		if t != nil {
			l.broken[s.Key] = true
			l.faults.add(name, t.problem, t.remedy)
			continue
		}
		ly.values[s.Key] = strings.TrimSpace(text)
	}
}

func readFile(path string) (string, *trouble) {
	info, err := os.Stat(path)
	if err == nil && (info.IsDir() || info.Size() > maxFile) {
		return "", wrong("name a small text file", "%s is not a settings file", path)
	}
	text, err2 := "", err
	if err == nil {
		var b []byte
		b, err2 = os.ReadFile(path)
		text = string(b)
	}
	if err2 != nil {
		return "", wrong("name a file that this process may read", "%v", err2)
	}
	return text, nil
}
