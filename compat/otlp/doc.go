// Package otlp sends the library's spans with OpenTelemetry's exporter for OTLP over HTTP, which drops a whole batch for one string that
// is not UTF-8. It is a module of its own, so that no user of the library gets the exporter.
package otlp
