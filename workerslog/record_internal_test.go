package workerslog

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzRecord compares the JSON of a record with that of its event.
func FuzzRecord(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{`, ``, ` {"a":1}`, `1`, `{"a":{"b":[1,{"c":null}],"d":{}},"a":2}`, `{"n":18446744073709551616,"m":-0.10e-5}`,
		`{"time":12,"level":"x","message":"m"}`, `{"":1}`, `{"a":-0}`, `{"é":"\ud800"}`,
	} {
		f.Add([]byte(seed))
	}

	f.Fuzz(func(t *testing.T, event []byte) {
		record := newRecord(zerolog.NoLevel, event)
		if !json.Valid(event) || event[0] != '{' {
			assert.Equal(t, strings.TrimSpace(string(event)), record.Message)
			return
		}
		want := decode(t, event)
		if hasUnnamed(want) {
			return // inlined by handlers
		}
		for _, key := range []string{slog.TimeKey, slog.LevelKey, slog.MessageKey, zerolog.MessageFieldName} {
			if _, ok := want[key]; ok {
				return // twice, or not at all
			}
		}

		var out bytes.Buffer
		require.NoError(t, slog.NewJSONHandler(&out, nil).Handle(t.Context(), record))
		got := decode(t, out.Bytes())
		for _, key := range []string{slog.TimeKey, slog.LevelKey, slog.MessageKey} {
			delete(got, key)
		}
		assert.Equal(t, want, got)
	})
}

// decode decodes an object. Numbers are told by their sign, digits and exponent.
func decode(t *testing.T, object []byte) map[string]any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(object))
	decoder.UseNumber()
	var members map[string]any
	require.NoError(t, decoder.Decode(&members))
	_, err := decoder.Token()
	require.ErrorIs(t, err, io.EOF)

	return normalized(members).(map[string]any)
}

// normalized writes each number with as few digits as it needs.
func normalized(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key := range value {
			value[key] = normalized(value[key])
		}
	case []any:
		for i := range value {
			value[i] = normalized(value[i])
		}
	case json.Number:
		if f, err := value.Float64(); err == nil {
			return [2]any{f + 0, digits(value.String())} // 0 for -0
		}
	}

	return value
}

// hasUnnamed reports whether a value has a member of the name "".
func hasUnnamed(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		for key, member := range value {
			if key == "" || hasUnnamed(member) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(value, hasUnnamed)
	}

	return false
}
