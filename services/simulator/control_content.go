package simulator

// contentInput is Content in JSON.
type contentInput struct {
	Kind      Kind           `json:"kind"` // text if empty
	Text      string         `json:"text"`
	Name      string         `json:"name"`  // file name, title, emoji, question, service field
	Extra     string         `json:"extra"` // phone, address, service value
	Lat       float64        `json:"lat"`
	Lon       float64        `json:"lon"`
	Options   []string       `json:"options"`
	Items     []contentInput `json:"items"`
	Forwarded string         `json:"forwarded"`
	Via       string         `json:"via"`
	Buttons   []string       `json:"buttons"`
	Protected bool           `json:"protected"`
	Entities  string         `json:"entities"`
	Album     string         `json:"album"`
	Refused   bool           `json:"copy_refused"`
	Alone     bool           `json:"answer_refused"`
}

func (in contentInput) content() Content {
	c := Content{Kind: in.Kind, Text: in.Text, name: in.Name, extra: in.Extra, lat: in.Lat, lon: in.Lon, options: in.Options,
		forward: in.Forwarded, via: in.Via, protect: in.Protected, entities: in.Entities, album: in.Album, refuse: in.Refused, alone: in.Alone}
	if c.Kind == "" {
		c.Kind = KindText
	}
	if c.Kind == KindLiveLocation {
		c.live, c.heading = livePeriod, 90
	}
	if len(in.Buttons) > 0 {
		c = c.WithButtons(in.Buttons...)
	}
	for _, it := range in.Items {
		c.items = append(c.items, it.content())
	}
	return c
}
