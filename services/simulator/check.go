package simulator

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// ViolationKind names what went wrong.
type ViolationKind string

// The kinds of violations.
const (
	Lost        ViolationKind = "lost"         // no copy, and nobody was told
	Duplicate   ViolationKind = "duplicate"    // more copies than edits and ↻ marks explain
	Disorder    ViolationKind = "disorder"     // copies are not in the order of their originals
	CrossLeak   ViolationKind = "cross_leak"   // something of one dialog is in another
	WrongTopic  ViolationKind = "wrong_topic"  // a copy is in General or outside a forum topic
	TwinTopics  ViolationKind = "twin_topics"  // two living topics of one customer
	OrphanTopic ViolationKind = "orphan_topic" // a bot's topic in which nothing is
	AlbumSplit  ViolationKind = "album_split"  // an album that is no album any more
	NoNotice    ViolationKind = "no_notice"    // what cannot be copied, without a word
	CommentLeak ViolationKind = "comment_leak" // a comment, command or message of General at a customer
	TopicName   ViolationKind = "topic_name"   // the topic's name lacks the customer's
	WrongReply  ViolationKind = "wrong_reply"  // a copy does not answer what its original answers
	StaleEdit   ViolationKind = "stale_edit"   // no copy says what its edited original says
)

// Violation is one broken promise.
type Violation struct {
	Kind     ViolationKind `json:"kind"`
	Customer int64         `json:"customer,omitempty"`
	Group    int64         `json:"group,omitempty"`
	Topic    int64         `json:"topic,omitempty"`
	// Source is the original message.
	Source Ref    `json:"source,omitzero"`
	Detail string `json:"detail"`
}

func (v Violation) String() string {
	return fmt.Sprintf("%s: customer %d, topic %d, message %d/%d: %s", v.Kind, v.Customer, v.Topic, v.Source.Chat, v.Source.ID, v.Detail)
}

// CheckOptions of Check. The zero value is the strict desk: everything is
// relayed, exactly once.
type CheckOptions struct {
	// MaxDuplicates is how many surplus copies are forgiven altogether, beside
	// those that a bot's messages in the topic announce, one with each ↻.
	MaxDuplicates int `json:"max_duplicates"`
	// ReplyOnly: only operators' replies to copies are sent.
	ReplyOnly bool `json:"reply_only"`
	// Ignore these customers: nothing of theirs has to arrive (nothing may leak
	// either).
	Ignore []int64 `json:"ignore"`
	// AllowSplitAlbums does not ask for albums to stay albums.
	AllowSplitAlbums bool `json:"allow_split_albums"`
	// TopicNames asks that a topic's name contains the customer's.
	TopicNames bool `json:"topic_names"`
	// Templates are messages of groups that may be copied to any customer, any
	// number of times.
	Templates []Ref `json:"templates"`
	// EditsMirrored: at rest, a copy at the customer says what an operator's edited
	// message says now, or a notice answers that message after its edit. Edits that
	// begin with a slash stay in the group.
	EditsMirrored bool `json:"edits_mirrored"`
	// EditsShown is the same for customers' edited messages and the topic, whether
	// the copy was edited or another one sent.
	EditsShown bool `json:"edits_shown"`
	// AllowOrphans forgives empty topics.
	AllowOrphans bool `json:"allow_orphans"`
	// Max is how many violations are returned; 0 means 100.
	Max int `json:"max"`
}

// checker holds one run of Check.
type checker struct {
	s      *Server
	o      CheckOptions
	out    []Violation
	dups   []Violation
	owners map[topicKey][]*chat // customers whose copies are in a topic
	marks  map[topicKey]int     // announced repetitions
	said   map[topicKey][]notice
	sent   map[Ref][]delivery // copies of operators' messages
	ignore map[int64]bool
	free   map[Ref]bool
	heads  map[uint32]delivery // the first copy of an operator's album
	spare  map[uint32]int      // surplus copies of operators' albums that are reported already
	copies map[Ref][]delivery  // sent, as it was at first
	shown  map[Ref]deskOrigin  // see origins
	broken map[uint32]bool     // albums that carry the bot's 💔
}

type topicKey struct {
	group  *chat
	thread int64
}

type delivery struct {
	to    *chat
	dst   int32
	re    int32
	seq   uint32
	album uint32
}

// Check judges what has happened so far by the simulator's own records. It is
// meant for a moment of rest; see Settle.
func (s *Server) Check(o CheckOptions) []Violation {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.Max == 0 {
		o.Max = 100
	}
	k := &checker{s: s, o: o, owners: map[topicKey][]*chat{}, marks: map[topicKey]int{}, said: map[topicKey][]notice{},
		sent: map[Ref][]delivery{}, ignore: map[int64]bool{}, free: map[Ref]bool{}, heads: map[uint32]delivery{},
		broken: map[uint32]bool{}}
	for _, id := range o.Ignore {
		k.ignore[id] = true
	}
	for _, r := range o.Templates {
		k.free[r] = true
	}
	k.collect()
	k.copies = maps.Clone(k.sent)
	for _, b := range s.bots {
		for _, c := range b.order {
			k.customer(c)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.chats)) {
		k.group(s.chats[id])
	}
	if len(k.dups) > o.MaxDuplicates {
		k.out = append(k.out, k.dups...)
	}
	return k.out[:min(len(k.out), o.Max)]
}

func (k *checker) report(kind ViolationKind, cust *chat, key topicKey, src Ref, format string, args ...any) {
	v := Violation{Kind: kind, Topic: key.thread, Source: src, Detail: fmt.Sprintf(format, args...)}
	if cust != nil {
		v.Customer = cust.id
	}
	if key.group != nil {
		v.Group = key.group.id
	}
	if kind == Duplicate {
		if key.group != nil && k.marks[key] > 0 {
			k.marks[key]--
			return
		}
		k.dups = append(k.dups, v)
		return
	}
	k.out = append(k.out, v)
}

// collect indexes who has copies where.
func (k *checker) collect() {
	for _, c := range k.s.chats {
		for _, n := range c.groupLed.notices {
			key := topicKey{c, int64(n.thread)}
			k.said[key] = append(k.said[key], n)
			k.marks[key] += n.again
		}
		for _, a := range c.groupLed.answers {
			if a.album != 0 && a.flags&flagBroken != 0 {
				k.broken[a.album] = true
			}
		}
	}
	for _, b := range k.s.bots {
		for _, c := range b.order {
			for _, r := range c.led.desk {
				k.own(topicKey{r.to, int64(r.thread)}, c)
			}
			for _, a := range c.led.answers {
				ref := Ref{a.from.id, int64(a.src)}
				if a.from.kind == chatPrivate {
					k.report(CrossLeak, c, topicKey{}, ref, "a message of another private chat was copied to this customer")
					continue
				}
				k.sent[ref] = append(k.sent[ref], delivery{c, a.dst, a.re, a.seq, a.album})
			}
		}
	}
	for _, list := range k.sent {
		slices.SortFunc(list, func(a, b delivery) int { return cmp.Compare(a.seq, b.seq) })
	}
}

func (k *checker) own(key topicKey, c *chat) {
	if !slices.Contains(k.owners[key], c) {
		k.owners[key] = append(k.owners[key], c)
	}
}

// deleted tells whether a topic is gone.
func (t topicKey) deleted() bool {
	tp := t.group.topics[t.thread]
	return tp != nil && tp.deleted
}

// group judges the topics and the operators' messages of one group.
func (k *checker) group(g *chat) {
	for _, t := range g.topicOrder {
		key := topicKey{g, t.id}
		owners := k.owners[key]
		if len(owners) > 1 {
			k.report(CrossLeak, owners[1], key, Ref{}, "the topic %q also holds copies of customer %d", t.name, owners[0].id)
		}
		if len(owners) == 0 && len(k.said[key]) == 0 && !t.deleted && t.creator.bot && !k.o.AllowOrphans {
			k.report(OrphanTopic, nil, key, Ref{}, "the topic %q is empty", t.name)
		}
	}
	k.answers(g)
}
