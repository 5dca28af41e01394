package worker

import "time"

// User code may panic, end its goroutine or hang. What is here runs it so that its caller goes on.

// guard runs user code, and returns its panic as an error. A Goexit in it ends the goroutine.
func guard(f func()) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = newPanicError(value)
		}
	}()
	f()

	return nil
}

// apart runs user code on a goroutine of its own, so that a Goexit in it is not the caller's, and waits for it.
func apart(f func()) {
	<-launch(f)
}

// patience is how long a start, a stop or a report waits for user code that is none of its workers': log writers, and the methods of
// Start's context and of its cause.
const patience = 100 * time.Millisecond

// briefly runs user code apart, and does not wait for it any longer than that.
func briefly(f func()) {
	await(launch(f), patience)
}

// launch runs user code on a goroutine of its own. The channel is closed once that has ended.
func launch(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = guard(f)
	}()

	return done
}

// await waits for a channel to be closed, and returns false if that takes longer than patience.
func await(done <-chan struct{}, patience time.Duration) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()

	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}
