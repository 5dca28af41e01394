package board

import (
	"fmt"
	"strconv"
)

// missing stands where there is nothing to measure.
const missing = "–"

// duration shows nanoseconds with three digits in a fitting unit.
func duration(ns float64) string {
	units := []string{"ns", "µs", "ms", "s"}
	for len(units) > 1 && ns >= 999.5 {
		ns /= 1000
		units = units[1:]
	}

	return threeDigits(ns) + " " + units[0]
}

func bytes(n float64) string {
	if n >= 1e6 {
		return threeDigits(n/1e6) + " MB"
	}

	return threeDigits(n) + " B"
}

func count(n float64) string {
	return threeDigits(n)
}

func multiple(n float64) string {
	return threeDigits(n) + " ×"
}

// threeDigits shows a number with three digits, or with more where it is 1000 or larger.
func threeDigits(n float64) string {
	switch size := max(n, -n); {
	case size >= 99.95:
		return thousands(strconv.FormatFloat(n, 'f', 0, 64))
	case size >= 9.995:
		return strconv.FormatFloat(n, 'f', 1, 64)
	default:
		return strconv.FormatFloat(n, 'f', 2, 64)
	}
}

// thousands sets commas into a decimal integer.
func thousands(digits string) string {
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}

	return digits
}

func integer(n int) string {
	return thousands(fmt.Sprint(n))
}

// axisDuration shows a power of ten of nanoseconds.
func axisDuration(ns float64) string {
	for _, unit := range []string{"ns", "µs", "ms"} {
		if ns < 1000 {
			return strconv.FormatFloat(ns, 'f', -1, 64) + " " + unit
		}
		ns /= 1000
	}

	return strconv.FormatFloat(ns, 'f', -1, 64) + " s"
}
