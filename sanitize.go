package worker

import "strings"

var separators = strings.NewReplacer(" ", "_", "-", "_")

// Sanitize transforms a given string to not contain spaces or dashes, and to be in lower case.
//
// Each space and each dash becomes an underscore. What is not valid UTF-8 becomes U+FFFD, since neither Prometheus labels
// nor JSON may contain it.
func Sanitize(str string) string {
	return strings.ToLower(separators.Replace(strings.ToValidUTF8(str, "\uFFFD")))
}
