package simulator

import (
	"html"
	"strconv"
	"strings"
	"unicode/utf8"
)

// parser turns marked-up text into plain text and entities. It knows as much of
// the three modes as a desk may use, and refuses what Telegram refuses.
type parser struct {
	out   strings.Builder
	units int // UTF-16 length of out
	spans []span
	done  []span
}

type span struct {
	kind   string
	mark   string // what ends it
	url    string
	at     int // byte offset in the source
	from   int
	length int
}

func parseEntities(text, mode string) (plain, entities string, err *apiError) {
	p := &parser{}
	switch strings.ToLower(mode) {
	case "":
		return text, "", nil
	case "html":
		err = p.html(text)
	case "markdown":
		err = p.markdown(text, []string{"*", "_", "```", "`"}, map[string]string{"*": "bold", "_": "italic", "`": "code", "```": "pre"}, "_*`[")
	case "markdownv2":
		err = p.markdown(text, []string{"__", "||", "```", "*", "_", "~", "`"},
			map[string]string{"*": "bold", "_": "italic", "__": "underline", "~": "strikethrough", "||": "spoiler", "`": "code", "```": "pre"}, "_*[]()~`>#+-=|{}.!\\")
	default:
		return "", "", badRequest("unsupported parse_mode")
	}
	if err != nil {
		return "", "", err
	}
	return p.out.String(), p.json(), nil
}

func cantParse(text string) *apiError { return badRequest("can't parse entities: " + text) }

func (p *parser) emit(s string) {
	p.out.WriteString(s)
	p.units += textLength(s)
}

func (p *parser) open(s span) {
	s.from = p.units
	p.spans = append(p.spans, s)
}

// close ends the innermost span.
func (p *parser) close() {
	s := p.spans[len(p.spans)-1]
	p.spans = p.spans[:len(p.spans)-1]
	if s.length = p.units - s.from; s.length > 0 && s.kind != "" {
		p.done = append(p.done, s)
	}
}

func (p *parser) json() string {
	if len(p.done) == 0 {
		return ""
	}
	b := []byte{'['}
	for i, s := range p.done {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(b, `{"type":`...), s.kind)
		b = appendIntField(appendIntField(b, "offset", int64(s.from)), "length", int64(s.length))
		if s.url != "" {
			b = appendField(b, "url", s.url)
		}
		b = append(b, '}')
	}
	return string(append(b, ']'))
}

func htmlKind(tag string) (string, bool) {
	switch tag {
	case "b", "strong":
		return "bold", true
	case "i", "em":
		return "italic", true
	case "u", "ins":
		return "underline", true
	case "s", "strike", "del":
		return "strikethrough", true
	case "code", "pre", "blockquote":
		return tag, true
	case "a":
		return "text_link", true
	case "span", "tg-spoiler":
		return "spoiler", true
	case "tg-emoji":
		return "", true
	}
	return "", false
}

func (p *parser) html(text string) *apiError {
	for i := 0; i < len(text); {
		next := strings.IndexByte(text[i:], '<')
		if next < 0 {
			p.emit(html.UnescapeString(text[i:]))
			break
		}
		p.emit(html.UnescapeString(text[i : i+next]))
		i += next
		end := strings.IndexByte(text[i:], '>')
		if end < 0 {
			return cantParse("Unclosed start tag at byte offset " + strconv.Itoa(i))
		}
		if err := p.tag(text[i+1:i+end], i); err != nil {
			return err
		}
		i += end + 1
	}
	if n := len(p.spans); n > 0 {
		return cantParse(`Can't find end tag corresponding to start tag "` + p.spans[n-1].mark + `"`)
	}
	return nil
}

func (p *parser) tag(tag string, at int) *apiError {
	if name, ok := strings.CutPrefix(tag, "/"); ok {
		name = strings.ToLower(strings.TrimSpace(name))
		if len(p.spans) == 0 {
			return cantParse("Unexpected end tag at byte offset " + strconv.Itoa(at))
		}
		if want := p.spans[len(p.spans)-1].mark; want != name {
			return cantParse("Unmatched end tag at byte offset " + strconv.Itoa(at) + `, expected "</` + want + `>", found "</` + name + `>"`)
		}
		p.close()
		return nil
	}
	name, attrs, _ := strings.Cut(tag, " ")
	name = strings.ToLower(name)
	kind, ok := htmlKind(name)
	if !ok {
		return cantParse(`Unsupported start tag "` + name + `" at byte offset ` + strconv.Itoa(at))
	}
	s := span{kind: kind, mark: name, at: at}
	if _, v, ok := strings.Cut(attrs, "href="); ok && name == "a" {
		s.url = html.UnescapeString(strings.Trim(v, `"'`))
	}
	p.open(s)
	return nil
}

// markdown parses both Markdown modes: marks are tried in order, special may be
// escaped by a backslash.
func (p *parser) markdown(text string, marks []string, kinds map[string]string, special string) *apiError {
	for i := 0; i < len(text); {
		if text[i] == '\\' && i+1 < len(text) && strings.IndexByte(special, text[i+1]) >= 0 {
			p.emit(text[i+1 : i+2])
			i += 2
			continue
		}
		if n, err := p.link(text, i); err != nil || n > 0 {
			if err != nil {
				return err
			}
			i += n
			continue
		}
		if mark := markAt(text[i:], marks); mark != "" && (!p.verbatim() || mark == p.spans[len(p.spans)-1].mark) {
			if n := len(p.spans); n > 0 && p.spans[n-1].mark == mark {
				p.close()
			} else {
				p.open(span{kind: kinds[mark], mark: mark, at: i})
			}
			i += len(mark)
			continue
		}
		if len(special) > 4 && !p.verbatim() && strings.IndexByte(special, text[i]) >= 0 && text[i] != '\\' {
			return cantParse("Character '" + text[i:i+1] + "' is reserved and must be escaped with the preceding '\\'")
		}
		_, n := utf8.DecodeRuneInString(text[i:])
		p.emit(text[i : i+n])
		i += n
	}
	if n := len(p.spans); n > 0 {
		return cantParse("Can't find end of the entity starting at byte offset " + strconv.Itoa(p.spans[n-1].at))
	}
	return nil
}

func (p *parser) verbatim() bool {
	n := len(p.spans)
	return n > 0 && (p.spans[n-1].kind == "code" || p.spans[n-1].kind == "pre")
}

func markAt(text string, marks []string) string {
	for _, m := range marks {
		if strings.HasPrefix(text, m) {
			return m
		}
	}
	return ""
}

// link takes [text](url) and returns how many bytes it is, 0 for none.
func (p *parser) link(text string, i int) (int, *apiError) {
	if text[i] != '[' || p.verbatim() {
		return 0, nil
	}
	mid := strings.Index(text[i:], "](")
	if mid < 0 {
		return 0, cantParse("Can't find end of the entity starting at byte offset " + strconv.Itoa(i))
	}
	end := strings.IndexByte(text[i+mid:], ')')
	if end < 0 {
		return 0, cantParse("Can't find end of the entity starting at byte offset " + strconv.Itoa(i))
	}
	p.open(span{kind: "text_link", url: text[i+mid+2 : i+mid+end]})
	p.emit(text[i+1 : i+mid])
	p.close()
	return mid + end + 1, nil
}
