// Package compat is a yokai service as its users write them: it is made of yokai's published Fx modules, at the
// versions that go.mod names, with this repository's worker module put in by one replace line and no other change.
//
// Its tests assert what such a service shows: logs, spans, metrics, module info and health. The published test suite of
// fxworker runs against the same worker module from this directory:
//
//	go test github.com/ankorstore/yokai/fxworker
package compat

import (
	"github.com/ankorstore/yokai/fxconfig"
	"github.com/ankorstore/yokai/fxgenerate"
	"github.com/ankorstore/yokai/fxhealthcheck"
	"github.com/ankorstore/yokai/fxlog"
	"github.com/ankorstore/yokai/fxmetrics"
	"github.com/ankorstore/yokai/fxtrace"
	"github.com/ankorstore/yokai/fxworker"
	"github.com/ankorstore/yokai/worker"
	workerhealthcheck "github.com/ankorstore/yokai/worker/healthcheck"
	"github.com/ankorstore/yokai/worker/testdata/workers"
	"go.uber.org/fx"
)

// Service is the whole service: fx.New(compat.Service).Run() would be its main.
var Service = fx.Options(
	fxconfig.FxConfigModule,
	fxlog.FxLogModule,
	fxtrace.FxTraceModule,
	fxmetrics.FxMetricsModule,
	fxgenerate.FxGenerateModule,
	fxhealthcheck.FxHealthcheckModule,
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
