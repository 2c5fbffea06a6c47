package setup

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

func TestParametersAreRead(t *testing.T) {
	tests := []struct {
		name  string
		given map[string]string
		want  func(p *eventv1.Parameters)
	}{
		{"none: the defaults", nil, func(*eventv1.Parameters) {}},
		{"empty is not set", map[string]string{"WELCOME": " ", "WHITE_LIST": ""}, func(*eventv1.Parameters) {}},
		{"greeting", map[string]string{"WELCOME": "Hi *{title}*,\nwe are here {soon? no: {}"},
			func(p *eventv1.Parameters) { p.Welcome = "Hi *{title}*,\nwe are here {soon? no: {}" }},
		{"greeting off", map[string]string{"WELCOME": "off"}, func(p *eventv1.Parameters) { p.Welcome = "" }},
		{"longest greeting", map[string]string{"WELCOME": strings.Repeat("é", maxWelcome)},
			func(p *eventv1.Parameters) { p.Welcome = strings.Repeat("é", maxWelcome) }},
		{"ids", map[string]string{"IGNORE_CHATS": "777000, -1001234567890 ,777000", "WHITE_LIST": "42"},
			func(p *eventv1.Parameters) { p.IgnoreChats, p.WhiteList = []int64{777000, -1001234567890}, []int64{42} }},
		{"lists off", map[string]string{"IGNORE_CHATS": "OFF", "WHITE_LIST": "OFF"},
			func(p *eventv1.Parameters) { p.IgnoreChats, p.WhiteList = nil, nil }},
		{"colour by Telegram's number", map[string]string{"ICON_COLOR": "9367192"}, func(p *eventv1.Parameters) { p.IconColor = 9367192 }},
		{"colour by place", map[string]string{"ICON_COLOR": "6"}, func(p *eventv1.Parameters) { p.IconColor = 16478047 }},
		{"customers' edits", map[string]string{"EDITS_CUSTOMER": "Mirror"},
			func(p *eventv1.Parameters) { p.EditsCustomer = eventv1.EditsCustomer_EDITS_CUSTOMER_MIRROR }},
		{"customers' edits off", map[string]string{"EDITS_CUSTOMER": "off"},
			func(p *eventv1.Parameters) { p.EditsCustomer = eventv1.EditsCustomer_EDITS_CUSTOMER_OFF }},
		{"customers' edits by default", map[string]string{"EDITS_CUSTOMER": "VERSION"}, func(*eventv1.Parameters) {}},
		{"operators' edits off", map[string]string{"EDITS_OPERATOR": "OFF"},
			func(p *eventv1.Parameters) { p.EditsOperator = eventv1.EditsOperator_EDITS_OPERATOR_OFF }},
		{"operators' edits by default", map[string]string{"EDITS_OPERATOR": "mirror"}, func(*eventv1.Parameters) {}},
		{"reactions of customers", map[string]string{"REACTIONS": "CUSTOMER"},
			func(p *eventv1.Parameters) { p.Reactions = eventv1.Reactions_REACTIONS_CUSTOMER }},
		{"reactions off", map[string]string{"REACTIONS": "Off"},
			func(p *eventv1.Parameters) { p.Reactions = eventv1.Reactions_REACTIONS_OFF }},
		{"reactions by default", map[string]string{"REACTIONS": "both"}, func(*eventv1.Parameters) {}},
		{"colour automatic", map[string]string{"ICON_COLOR": "auto"}, func(*eventv1.Parameters) {}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := Defaults()
			test.want(want)
			got, err := ParseParameters(test.given)
			if err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
	if d := Defaults(); !strings.Contains(d.GetWelcome(), "{title}") || len(d.GetIgnoreChats()) == 0 || d.GetIgnoreChats()[0] != 777000 ||
		d.GetEditsCustomer() != eventv1.EditsCustomer_EDITS_CUSTOMER_VERSION || d.GetEditsOperator() != eventv1.EditsOperator_EDITS_OPERATOR_MIRROR ||
		d.GetReactions() != eventv1.Reactions_REACTIONS_BOTH {
		t.Errorf("defaults: %v", d)
	}
}

func TestParametersAreRefused(t *testing.T) {
	tests := []struct {
		name, parameter, value string
		says                   []string
	}{
		{"unknown, near", "WELCOM", "x", []string{"HOTLINE_PARAM_WELCOM:", "did you mean WELCOME?", "EDITS_CUSTOMER, EDITS_OPERATOR, ICON_COLOR, IGNORE_CHATS, REACTIONS, WELCOME, WHITE_LIST"}},
		{"unknown, far", "AUTOCLOSE", "48", []string{"no such parameter; this version knows EDITS_CUSTOMER"}},
		{"too long", "WELCOME", strings.Repeat("x", maxWelcome+1), []string{"HOTLINE_PARAM_WELCOME: is 3901 characters long"}},
		{"too long in UTF-16", "WELCOME", strings.Repeat("🟪", maxWelcome/2+1), []string{"3902 characters"}},
		{"unknown placeholder", "WELCOME", "Hi {name}", []string{"{name} stands for nothing", "{title}"}},
		{"not UTF-8", "WELCOME", "\xff", []string{"UTF-8"}},
		{"a name for an id", "WHITE_LIST", "1,@anna", []string{`HOTLINE_PARAM_WHITE_LIST: "@anna" is not the id`}},
		{"zero", "IGNORE_CHATS", "0", []string{`"0" is not the id`}},
		{"hole in a list", "IGNORE_CHATS", "1,,2", []string{`"" is not the id`}},
		{"no such way of edits", "EDITS_CUSTOMER", "copy", []string{`HOTLINE_PARAM_EDITS_CUSTOMER: "copy" is not among its values; use version, mirror, off`}},
		{"not for operators", "EDITS_OPERATOR", "version", []string{`"version" is not among its values; use mirror, off`}},
		{"reactions by number", "REACTIONS", "1", []string{`"1" is not among its values; use both, customer, off`}},
		{"no such colour", "ICON_COLOR", "7", []string{`"7" is not a colour`, "1 or 7322096 (blue)", "6 or 16478047 (red)"}},
		{"colour by name", "ICON_COLOR", "red", []string{`"red" is not a colour`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := ParseParameters(map[string]string{test.parameter: test.value, "ICON_COLOR_": "bad too"})
			if err == nil {
				t.Fatalf("accepted: %v", p)
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != 2 {
				t.Errorf("%d lines for 2 faults: %q", len(lines), err)
			}
			for _, want := range test.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

func FuzzParameters(f *testing.F) {
	for _, seed := range []string{"OFF", "1,2", "{title}", "9367192", "-100", "\x00,"} {
		f.Add("WELCOME", seed)
		f.Add("WHITE_LIST", seed)
		f.Add("ICON_COLOR", seed)
		f.Add("REACTIONS", seed)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		p, err := ParseParameters(map[string]string{name: value})
		if (p == nil) == (err == nil) {
			t.Fatalf("%v and %v", p, err)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Fatalf("a fault of several lines: %q", err)
		}
		if p != nil {
			if _, err := proto.Marshal(p); err != nil {
				t.Fatalf("cannot be stored: %v", err)
			}
		}
	})
}
