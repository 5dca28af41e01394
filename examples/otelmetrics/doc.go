// Package otelmetrics holds the code of the recipe for OpenTelemetry metrics in docs/recipes.md.
package otelmetrics
