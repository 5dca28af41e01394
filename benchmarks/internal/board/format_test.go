package board

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDuration(t *testing.T) {
	for ns, want := range map[float64]string{
		0: "0.00 ns", 0.834: "0.83 ns", 4.599: "4.60 ns", 12.34: "12.3 ns", 999: "999 ns", 999.7: "1.00 µs", 1250: "1.25 µs",
		99_960: "100 µs", 5e6: "5.00 ms", 2.5e9: "2.50 s", 5e12: "5,000 s",
	} {
		assert.Equal(t, want, duration(ns))
	}
}

func TestOtherFormats(t *testing.T) {
	assert.Equal(t, "118,852 B", bytes(118_852))
	assert.Equal(t, "10.4 MB", bytes(10_400_000))
	assert.Equal(t, "1,000,000", integer(1_000_000))
	assert.Equal(t, "-1,000", integer(-1000))
	assert.Equal(t, "-123", count(-123))
	assert.Equal(t, "0.17 ×", multiple(1.0/6))
	assert.Equal(t, []string{"1 ns", "100 ns", "10 µs", "1 ms", "10 s"},
		[]string{axisDuration(1), axisDuration(100), axisDuration(1e4), axisDuration(1e6), axisDuration(1e10)})
}
