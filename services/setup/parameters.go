package setup

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/hotline-desk/hotline/pkg/config"
	"github.com/hotline-desk/hotline/pkg/nearest"
	eventv1 "github.com/hotline-desk/hotline/proto/gen/hotline/event/v1"
)

const (
	settingPrefix = "HOTLINE_PARAM_"
	off           = "OFF"
	automatic     = "AUTO"
	// maxWelcome leaves room for a name of 128 characters within the 4096 that a message may have.
	maxWelcome     = 3900
	defaultWelcome = "Hello {title}! Please state your question, and we will answer as soon as we can."
)

// serviceChats are Telegram's own accounts, which are never customers: notifications, anonymous admins, channels
// writing in groups.
func serviceChats() []int64 { return []int64{777000, 1087968824, 136817688} }

// color is one of the six that Telegram allows for topics.
type color struct {
	value int32
	name  string
}

func colors() []color {
	return []color{
		{7322096, "blue"}, {16766590, "yellow"}, {13338331, "violet"}, {9367192, "green"}, {16749490, "rose"}, {16478047, "red"},
	}
}

// parameter knows how to read one parameter.
type parameter struct {
	name string
	read func(p *eventv1.Parameters, value string) error
}

func parameters() []parameter {
	return []parameter{
		{"EDITS_CUSTOMER", func(p *eventv1.Parameters, v string) (err error) {
			p.EditsCustomer, err = choose(v, editsCustomer())
			return err
		}},
		{"EDITS_OPERATOR", func(p *eventv1.Parameters, v string) (err error) {
			p.EditsOperator, err = choose(v, editsOperator())
			return err
		}},
		{"ICON_COLOR", readColor},
		{"IGNORE_CHATS", func(p *eventv1.Parameters, v string) (err error) { p.IgnoreChats, err = readIDs(v); return err }},
		{"REACTIONS", func(p *eventv1.Parameters, v string) (err error) {
			p.Reactions, err = choose(v, reactions())
			return err
		}},
		{"WELCOME", readWelcome},
		{"WHITE_LIST", func(p *eventv1.Parameters, v string) (err error) { p.WhiteList, err = readIDs(v); return err }},
	}
}

// Names are the parameters that this version honours, in order.
func Names() []string {
	var names []string
	for _, p := range parameters() {
		names = append(names, p.name)
	}
	return names
}

// Defaults are the parameters of a connection that sets none.
func Defaults() *eventv1.Parameters {
	return &eventv1.Parameters{
		Welcome: defaultWelcome, IgnoreChats: serviceChats(),
		EditsCustomer: eventv1.EditsCustomer_EDITS_CUSTOMER_VERSION,
		EditsOperator: eventv1.EditsOperator_EDITS_OPERATOR_MIRROR,
		Reactions:     eventv1.Reactions_REACTIONS_BOTH,
	}
}

// ParseParameters reads the parameters of a connection, by upper-case name; those not given have their defaults. The
// error is a config.Faults with everything that is wrong.
func ParseParameters(given map[string]string) (*eventv1.Parameters, error) {
	p := Defaults()
	var faults config.Faults
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if err := set(p, name, given[name]); err != nil {
			faults = append(faults, config.Fault{Setting: settingPrefix + name, Problem: err.Error()})
		}
	}
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

func set(p *eventv1.Parameters, name, value string) error {
	for _, known := range parameters() {
		if known.name != name {
			continue
		}
		if value = strings.TrimSpace(value); value == "" {
			return nil
		}
		return known.read(p, value)
	}
	hint := ""
	if near := nearest.Close(name, Names()); near != "" {
		hint = fmt.Sprintf("did you mean %s? ", near)
	}
	return fmt.Errorf("there is no such parameter; %sthis version knows %s", hint, strings.Join(Names(), ", "))
}

func isOff(value string) bool { return strings.EqualFold(value, off) }

var placeholder = regexp.MustCompile(`\{[A-Za-z_]+\}`)

func readWelcome(p *eventv1.Parameters, value string) error {
	if isOff(value) {
		p.Welcome = ""
		return nil
	}
	if !utf8.ValidString(value) {
		return fmt.Errorf("is not valid UTF-8; write the greeting as UTF-8 text, or OFF")
	}
	if n := len(utf16.Encode([]rune(value))); n > maxWelcome {
		return fmt.Errorf("is %d characters long; Telegram takes at most %d besides the name", n, maxWelcome)
	}
	for _, name := range placeholder.FindAllString(value, -1) {
		if name != "{title}" {
			return fmt.Errorf("%s stands for nothing; {title}, the customer's name, is the only placeholder", name)
		}
	}
	p.Welcome = value
	return nil
}

// readIDs reads ids separated by commas; OFF is none.
func readIDs(value string) ([]int64, error) {
	if isOff(value) {
		return nil, nil
	}
	var ids []int64
	for word := range strings.SplitSeq(value, ",") {
		word = strings.TrimSpace(word)
		id, err := strconv.ParseInt(word, 10, 64)
		if err != nil || id == 0 {
			return nil, fmt.Errorf("%q is not the id of a chat; give numeric ids separated by commas, or OFF", word)
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// choice is one of the values that a parameter may have.
type choice[V any] struct {
	name  string
	value V
}

// editsCustomer: a customer's edit arrives as a new copy that answers the old one, changes the copy, or does nothing.
func editsCustomer() []choice[eventv1.EditsCustomer] {
	return []choice[eventv1.EditsCustomer]{
		{"version", eventv1.EditsCustomer_EDITS_CUSTOMER_VERSION},
		{"mirror", eventv1.EditsCustomer_EDITS_CUSTOMER_MIRROR},
		{"off", eventv1.EditsCustomer_EDITS_CUSTOMER_OFF},
	}
}

// editsOperator: an operator's edit changes the customer's copy, or does nothing.
func editsOperator() []choice[eventv1.EditsOperator] {
	return []choice[eventv1.EditsOperator]{
		{"mirror", eventv1.EditsOperator_EDITS_OPERATOR_MIRROR},
		{"off", eventv1.EditsOperator_EDITS_OPERATOR_OFF},
	}
}

// reactions: both sides', only customers', or nobody's are shown to the other side.
func reactions() []choice[eventv1.Reactions] {
	return []choice[eventv1.Reactions]{
		{"both", eventv1.Reactions_REACTIONS_BOTH},
		{"customer", eventv1.Reactions_REACTIONS_CUSTOMER},
		{"off", eventv1.Reactions_REACTIONS_OFF},
	}
}

// choose reads the name of a choice, in any case.
func choose[V any](value string, choices []choice[V]) (chosen V, err error) {
	var names []string
	for _, c := range choices {
		if strings.EqualFold(value, c.name) {
			return c.value, nil
		}
		names = append(names, c.name)
	}
	return chosen, fmt.Errorf("%q is not among its values; use %s", value, strings.Join(names, ", "))
}

// readColor takes Telegram's number of a colour, or its place in Telegram's list, 1 to 6.
func readColor(p *eventv1.Parameters, value string) error {
	if strings.EqualFold(value, automatic) || strings.EqualFold(value, "automatic") || isOff(value) {
		p.IconColor = 0
		return nil
	}
	n, err := strconv.ParseInt(value, 10, 32)
	var list []string
	for i, c := range colors() {
		if err == nil && (n == int64(c.value) || n == int64(i+1)) {
			p.IconColor = c.value
			return nil
		}
		list = append(list, fmt.Sprintf("%d or %d (%s)", i+1, c.value, c.name))
	}
	return fmt.Errorf("%q is not a colour of topics; use AUTO, %s", value, strings.Join(list, ", "))
}
