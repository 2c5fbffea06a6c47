package simulator

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// fileKey is what a file_id says: file ids belong to one bot, and lead back to
// the message they came with. file counts the files that edits put into it.
type fileKey struct{ bot, chat, id, file int64 }

func (k fileKey) encode(kind Kind) string {
	return "BAAC" + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s.%d.%d.%d.%d", kind, k.bot, k.chat, k.id, k.file))
}

func (k fileKey) unique() string {
	return "AgAD" + strconv.FormatInt(k.chat^k.id^k.file<<48, 36)
}

func decodeFileID(id string) (Kind, fileKey, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(id, "BAAC"))
	if err != nil {
		return "", fileKey{}, false
	}
	parts := strings.Split(string(raw), ".")
	if len(parts) != 5 {
		return "", fileKey{}, false
	}
	var n [4]int64
	for i := range n {
		if n[i], err = strconv.ParseInt(parts[i+1], 10, 64); err != nil {
			return "", fileKey{}, false
		}
	}
	return Kind(parts[0]), fileKey{n[0], n[1], n[2], n[3]}, true
}
