package worker

import (
	"slices"
	"sync"
)

// nestedPools are the pools that were started in an attempt, and have not stopped.
type nestedPools struct {
	mu    sync.Mutex // guards the field below
	pools []*WorkerPool
}

// noteNested notes a pool that was started in the attempt.
func (a *attempt) noteNested(p *WorkerPool) {
	if a == nil {
		return
	}
	a.nested.CompareAndSwap(nil, &nestedPools{})
	n := a.nested.Load()
	n.mu.Lock()
	defer n.mu.Unlock()

	n.pools = append(n.pools, p)
}

// forgetNested forgets one that has stopped.
func (a *attempt) forgetNested(p *WorkerPool) {
	if a == nil {
		return
	}
	n := a.nested.Load()
	n.mu.Lock()
	defer n.mu.Unlock()

	n.pools = slices.DeleteFunc(n.pools, func(other *WorkerPool) bool { return other == p })
}

func (a *attempt) nestedPools() []*WorkerPool {
	n := a.nested.Load()
	if n == nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()

	return slices.Clone(n.pools)
}
