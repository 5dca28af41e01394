package worker

import (
	"context"
	"testing"
)

// A worker may end between the end of the wait for it and the question who has not ended.
func TestNoStopErrorForThoseWhoHaveLeft(t *testing.T) {
	s := &supervisor{}
	s.overdueSince.Store(finished)

	if err := NewWorkerPool().newStopError(context.Background(), s); err != nil {
		t.Errorf("newStopError = %v", err)
	}
}
