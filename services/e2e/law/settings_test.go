package law

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/knadh/koanf/parsers/yaml"

	"github.com/hotline-desk/hotline/pkg/config"
)

var settingName = regexp.MustCompile(`HOTLINE_[A-Z][A-Z_]*[A-Z]`)

// mentions returns the HOTLINE_ names in text that are no settings.
func mentions(text string) []string {
	var known []string
	for _, s := range config.Settings() {
		known = append(known, s.Env)
		if s.Secret {
			known = append(known, s.Env+"_FILE")
		}
	}
	var bad []string
	for _, name := range settingName.FindAllString(text, -1) {
		switch {
		case slices.Contains(known, name), slices.Contains(bad, name):
		case name == "HOTLINE_GRPC_TLS": // the three together
		case strings.HasPrefix(name, "HOTLINE_PARAM"), strings.HasPrefix(name, "HOTLINE_TEST"), strings.HasPrefix(name, "HOTLINE_SIMULATOR"):
		default:
			bad = append(bad, name)
		}
	}
	return bad
}

// What documents and scripts tell people to set exists.
func TestMentionedSettingsExist(t *testing.T) {
	root, found := repository(t), 0
	for _, pattern := range []string{"*.md", "Makefile", "deploy/*", "scripts/*", "docs/*"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if info, err := os.Stat(path); err != nil || info.IsDir() {
				continue
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			found++
			for _, name := range mentions(string(text)) {
				t.Errorf("%s mentions %s, which is no setting", path, name)
			}
		}
	}
	if found < 4 {
		t.Errorf("looked at %d files only", found)
	}
	if bad := mentions("HOTLINE_GROUP=1 HOTLINE_GROUP_FILE HOTLINE_GROOP"); len(bad) != 2 {
		t.Errorf("the check does not bite: %q", bad)
	}
}

// The environment template is accepted as it is, and the compose file is YAML that
// starts the service with it.
func TestDeployment(t *testing.T) {
	root := repository(t)
	env, err := os.ReadFile(filepath.Join(root, "deploy/hotline.env.example"))
	if err != nil {
		t.Fatal(err)
	}
	var pairs []string
	for line := range strings.Lines(string(env)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			pairs = append(pairs, line)
		}
	}
	if _, err := config.Load(nil, pairs, 0); err != nil {
		t.Errorf("hotline.env.example: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(root, "deploy/compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	compose, err := yaml.Parser().Unmarshal(text)
	if err != nil {
		t.Fatal(err)
	}
	services, _ := compose["services"].(map[string]any)
	hotline, _ := services["hotline"].(map[string]any)
	build, _ := hotline["build"].(map[string]any)
	if hotline["env_file"] != "hotline.env" || build["dockerfile"] != "deploy/Dockerfile" {
		t.Errorf("compose.yaml: %v", compose)
	}
}
