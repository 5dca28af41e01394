package workerslog

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

// newRecord makes a record of a zerolog event.
func newRecord(level zerolog.Level, event []byte) slog.Record {
	record := slog.NewRecord(zerolog.TimestampFunc(), levelOf(level), "", 0)

	// Valid JSON is no deeper than package json allows, and what follows meets no error.
	if !json.Valid(event) || event[0] != '{' {
		record.Message = strings.TrimSpace(string(event))
		return record
	}
	decoder := decoder{json.NewDecoder(bytes.NewReader(event))}
	decoder.UseNumber()
	decoder.token()
	fields := decoder.object()

	// zerolog writes the level first and the message last: others of their names are the program's own.
	if level != zerolog.NoLevel && len(fields) > 0 && fields[0].Key == zerolog.LevelFieldName {
		fields = fields[1:]
	}
	if n := len(fields) - 1; n >= 0 && fields[n].Key == zerolog.MessageFieldName && fields[n].Value.Kind() == slog.KindString {
		record.Message = fields[n].Value.String()
		fields = fields[:n]
	}

	fields = unique(fields)
	if i := slices.IndexFunc(fields, isTimestamp); i >= 0 {
		if at, ok := timeOf(fields[i].Value); ok {
			record.Time = at
			fields = slices.Delete(fields, i, i+1)
		}
	}
	record.AddAttrs(fields...)

	return record
}

func isTimestamp(field slog.Attr) bool {
	return field.Key == zerolog.TimestampFieldName
}

// timeOf reads a time as zerolog writes it.
func timeOf(value slog.Value) (at time.Time, ok bool) {
	var sinceEpoch func(int64) time.Time
	switch zerolog.TimeFieldFormat {
	case zerolog.TimeFormatUnix:
		sinceEpoch = func(seconds int64) time.Time { return time.Unix(seconds, 0) }
	case zerolog.TimeFormatUnixMs:
		sinceEpoch = time.UnixMilli
	case zerolog.TimeFormatUnixMicro:
		sinceEpoch = time.UnixMicro
	case zerolog.TimeFormatUnixNano:
		sinceEpoch = func(nanoseconds int64) time.Time { return time.Unix(0, nanoseconds) }
	default:
		at, err := time.Parse(zerolog.TimeFieldFormat, value.String())
		return at, err == nil
	}

	if value.Kind() != slog.KindInt64 {
		return at, false
	}

	return sinceEpoch(value.Int64()), true
}

// unique leaves one of the fields of each name: the last one, in the place of the first.
func unique(fields []slog.Attr) []slog.Attr {
	places := make(map[string]int, len(fields))
	kept := fields[:0]
	for _, field := range fields {
		if place, ok := places[field.Key]; ok {
			kept[place] = field
			continue
		}
		places[field.Key] = len(kept)
		kept = append(kept, field)
	}

	return kept
}

// decoder makes attributes of JSON that is known to be valid.
type decoder struct{ *json.Decoder }

func (d decoder) token() json.Token {
	token, _ := d.Token()

	return token
}

// object returns the members of an object, after its brace.
func (d decoder) object() []slog.Attr {
	var members []slog.Attr
	for d.More() {
		key, _ := d.token().(string)
		members = append(members, slog.Attr{Key: key, Value: d.value()})
	}
	d.token()

	return members
}

// array returns the elements of an array, after its bracket.
func (d decoder) array() []any {
	elements := []any{}
	for d.More() {
		elements = append(elements, plain(d.value()))
	}
	d.token()

	return elements
}

// value returns the value that comes next.
func (d decoder) value() slog.Value {
	switch token := d.token().(type) {
	case json.Delim:
		if token == '[' {
			return slog.AnyValue(d.array())
		}
		if members := unique(d.object()); len(members) > 0 {
			return slog.GroupValue(members...)
		}
		return slog.AnyValue(map[string]any{}) // handlers leave out a group without attributes
	case json.Number:
		return number(token)
	default: // string, bool, nil
		return slog.AnyValue(token)
	}
}

// plain returns a value as Go's own types have it, for an array.
func plain(value slog.Value) any {
	if value.Kind() != slog.KindGroup {
		return value.Any()
	}

	members := map[string]any{}
	for _, member := range value.Group() {
		members[member.Key] = plain(member.Value)
	}

	return members
}

// number returns a number in the first of int64, uint64 and float64 that holds it exactly, or as it is written.
func number(written json.Number) slog.Value {
	text := written.String()
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return slog.Int64Value(n)
	}
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return slog.Uint64Value(n)
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && digits(text) == digits(strconv.FormatFloat(f, 'e', -1, 64)) {
		return slog.Float64Value(f)
	}

	return slog.AnyValue(written)
}

// digits returns the significant digits of a number.
func digits(number string) string {
	mantissa, _, _ := strings.Cut(strings.ToLower(number), "e")

	return strings.Trim(strings.NewReplacer("-", "", ".", "").Replace(mantissa), "0")
}
