// Package compat is a yokai service as its users write them: it is made of yokai's published Fx modules, at the
// versions that go.mod names, with this repository's worker module put in by one replace line and no other change.
//
// Its tests assert what such a service shows: logs, spans, metrics, module info and health. matrix.sh runs them, and the published
// test suite of fxworker, with each version of fxworker.
package compat

import (
	"github.com/ankorstore/yokai/fxhealthcheck"
	"github.com/ankorstore/yokai/fxworker"
	"github.com/ankorstore/yokai/worker"
	workerhealthcheck "github.com/ankorstore/yokai/worker/healthcheck"
	"github.com/ankorstore/yokai/worker/testdata/workers"
	"go.uber.org/fx"
)

// Service is the whole service: fxcore.NewBootstrapper().WithOptions(compat.Service).RunApp() would be its main. The core brings the
// modules of configuration, logs, traces, metrics, generators and health checks.
var Service = fx.Options(
	fxworker.FxWorkerModule,
	fx.Provide(NewOrders),
	fxworker.AsWorker(workers.NewClassicWorker),
	fxworker.AsWorker(workers.NewCancellableWorker),
	fxworker.AsWorker(workers.NewErrorWorker, worker.WithMaxExecutionsAttempts(2)),
	fxworker.AsWorker(workers.NewPanicWorker), // as many attempts as the configuration says
	fxworker.AsWorker(NewRelay, worker.WithDeferredStartThreshold(0.05)),
	fxhealthcheck.AsCheckerProbe(workerhealthcheck.NewWorkerProbe),
	// Fx builds only what something asks for, and nothing else asks for the pool.
	fx.Invoke(func(*worker.WorkerPool) {}),
)
