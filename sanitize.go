package worker

import (
	"strings"
	"unicode"
)

// Sanitize transforms a given string to not contain spaces or dashes, and to be in lower case.
//
// Each space and each dash becomes an underscore. What is not valid UTF-8 becomes U+FFFD, since neither Prometheus labels
// nor JSON may contain it.
func Sanitize(str string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return '_'
		}

		return unicode.ToLower(r)
	}, strings.ToValidUTF8(str, "\uFFFD"))
}
