package worker

import "slices"

// Stop gracefully stops all [Worker] registered in the [WorkerPool]: it cancels their contexts and waits until each has ended.
// Nothing of the pool runs any more when it returns, and nothing is restarted.
//
// It does nothing on a pool that is not started, and may be called several times and from many goroutines: each call waits. It
// waits for as long as a worker ignores its context. Called from inside a worker of the pool, it would wait for itself.
func (p *WorkerPool) Stop() error {
	p.mu.Lock()
	g := p.current
	if g == nil {
		p.mu.Unlock()
		return nil
	}
	g.stopping = true
	supervisors := slices.Clone(g.order)
	p.mu.Unlock()

	g.cancel(ErrPoolStopped)
	for _, s := range supervisors {
		<-s.done
	}

	return nil
}
