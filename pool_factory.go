package worker

// WorkerPoolFactory is the interface for [WorkerPool] factories.
type WorkerPoolFactory interface {
	// Create returns a new pool, or an error that says what is wrong with the options.
	Create(options ...WorkerPoolOption) (*WorkerPool, error)
}

// DefaultWorkerPoolFactory is the default [WorkerPoolFactory] implementation.
type DefaultWorkerPoolFactory struct{}

// NewDefaultWorkerPoolFactory returns a [DefaultWorkerPoolFactory], implementing [WorkerPoolFactory].
func NewDefaultWorkerPoolFactory() WorkerPoolFactory {
	return &DefaultWorkerPoolFactory{}
}

// Create returns a new [WorkerPool], and accepts a list of [WorkerPoolOption]. For example:
//
//	var pool, _ = worker.NewDefaultWorkerPoolFactory().Create()
//
// is equivalent to:
//
//	var pool, _ = worker.NewDefaultWorkerPoolFactory().Create(
//		worker.WithGenerator(uuid.NewDefaultUuidGenerator()), // generator
//		worker.WithMetrics(worker.NewWorkerMetrics("", "")),  // metrics
//		worker.WithGlobalMaxExecutionsAttempts(1),            // no retries
//		worker.WithGlobalDeferredStartThreshold(0),           // no deferred start
//	)
//
// Bad input (a nil worker or registration, an empty name, a threshold that is not a number) makes it return no pool, and one error that
// joins what is wrong: everything about the pool, and the first thing about each worker.
func (f *DefaultWorkerPoolFactory) Create(options ...WorkerPoolOption) (*WorkerPool, error) {
	pool := NewWorkerPool(options...)
	if err := pool.invalid(); err != nil {
		return nil, err
	}

	return pool, nil
}
