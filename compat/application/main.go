// Command application is a service like those that yokai's worker template makes: a configuration, the core, workers, and a probe.
// Its go.mod names the published worker module. The test runs it on that one, and on this repository's.
package main

import (
	"github.com/ankorstore/yokai/fxcore"
	"github.com/ankorstore/yokai/fxhealthcheck"
	"github.com/ankorstore/yokai/fxworker"
	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/healthcheck"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.24.0"
	"go.uber.org/fx"
)

// Bootstrapper makes the service.
var Bootstrapper = fxcore.NewBootstrapper().WithOptions(
	fxworker.FxWorkerModule,
	fx.Provide(NewResource),
	fxworker.AsWorker(NewRelay, worker.WithDeferredStartThreshold(1)),
	fxworker.AsWorker(NewImport, worker.WithMaxExecutionsAttempts(3)),
	fxworker.AsWorker(NewExport), // as many attempts as the configuration says
	fxworker.AsWorker(NewMigration, worker.WithMiddlewares(Audit{})),
	fxhealthcheck.AsCheckerProbe(healthcheck.NewWorkerProbe),
	fx.Invoke(func(*worker.WorkerPool, *resource.Resource) {}),
)

// NewResource is how OpenTelemetry's documentation describes a service. It fails where the semantic conventions of the SDK are
// of another version, so where something has moved the SDK.
func NewResource() (*resource.Resource, error) {
	return resource.Merge(resource.Default(), resource.NewWithAttributes(semconv.SchemaURL, semconv.ServiceName("orders")))
}

func main() {
	Bootstrapper.RunApp()
}
