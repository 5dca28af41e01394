package worker_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// runs collects when a periodic worker calls its function, which works for a time that depends on the call.
func runs(t *testing.T, d, interval time.Duration, work func(call int) (time.Duration, error), options ...worker.PeriodicOption) (at []time.Duration, e *worker.WorkerExecution) {
	t.Helper()
	e = script(t, d, worker.NewPeriodicWorker("job", interval, func(ctx context.Context) error {
		at = append(at, time.Since(start))
		took, err := work(len(at))
		time.Sleep(took)

		return err
	}, options...), worker.WithMaxExecutionsAttempts(2), worker.WithBackoff(worker.ConstantBackoff(30*time.Second)), worker.WithHeartbeat(3*time.Minute))

	return at, e
}

func TestPeriodicWorker(t *testing.T) {
	const m = time.Minute
	quick := func(int) (time.Duration, error) { return time.Second, nil }

	cases := map[string]struct {
		work    func(call int) (time.Duration, error)
		options []worker.PeriodicOption
		at      []time.Duration
	}{
		"first at once, then by the interval": {work: quick, at: []time.Duration{0, m, 2 * m, 3 * m, 4 * m}},
		"initial delay": {
			work: quick, options: []worker.PeriodicOption{worker.WithInitialDelay(10 * time.Second)},
			at: []time.Duration{10 * time.Second, m + 10*time.Second, 2*m + 10*time.Second, 3*m + 10*time.Second, 4*m + 10*time.Second},
		},
		"no overlap, and what is late is left out": {
			work: func(call int) (time.Duration, error) {
				if call == 2 {
					return 90 * time.Second, nil
				}
				return 0, nil
			},
			at: []time.Duration{0, m, 3 * m, 4 * m},
		},
		"one that takes just the interval": {
			work: func(int) (time.Duration, error) { return m, nil },
			at:   []time.Duration{0, m, 2 * m, 3 * m, 4 * m},
		},
		"one that takes just two intervals": {
			work: func(int) (time.Duration, error) { return 2 * m, nil },
			at:   []time.Duration{0, 2 * m, 4 * m},
		},
		"an error goes to the one retry policy": {
			work: func(call int) (time.Duration, error) {
				if call == 2 {
					return 0, errors.New("boom")
				}
				return 0, nil
			},
			at: []time.Duration{0, m, m + 30*time.Second, 2*m + 30*time.Second, 3*m + 30*time.Second, 4*m + 30*time.Second},
		},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				at, e := runs(t, 4*m+45*time.Second, m, test.work, test.options...)
				assert.Equal(t, test.at, at)
				assert.Equal(t, worker.Stopped, e.Status())
				assert.False(t, e.HasEvent("heartbeat missed for 3m0s"), "each call is a beat")
			})
		})
	}
}

func TestPeriodicWorkerJitterStaysWithinItsFraction(t *testing.T) {
	bubble(t, func(t *testing.T) {
		at, _ := runs(t, 1000*time.Minute, time.Minute, func(int) (time.Duration, error) { return 0, nil }, worker.WithIntervalJitter(0.25))

		require.Greater(t, len(at), 700)
		least, most := time.Hour, time.Duration(0)
		for i := range at[1:] {
			gap := at[i+1] - at[i]
			least, most = min(least, gap), max(most, gap)
		}
		assert.GreaterOrEqual(t, least, time.Minute)
		assert.LessOrEqual(t, most, 75*time.Second)
		assert.Less(t, least, 62*time.Second, "the jitter uses its range")
		assert.Greater(t, most, 73*time.Second, "the jitter uses its range")
	})
}

func TestPeriodicWorkerStopsWhileItWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		at, e := runs(t, time.Second, time.Hour, func(int) (time.Duration, error) { return 0, nil }, worker.WithInitialDelay(time.Minute))
		assert.Empty(t, at)
		assert.Equal(t, []string{
			"+0s id-1 starting execution attempt 1/2", "+1s id-1 stopping execution attempt 1/2 on cancellation",
		}, timeline(e))
	})
}

func TestBadInputOfTheBuilders(t *testing.T) {
	for want, w := range map[string]worker.Worker{
		"worker job: nil run function":                      worker.NewFuncWorker("job", nil),
		"worker *worker.FuncWorker has an empty name":       worker.NewFuncWorker("", succeed),
		"worker period: nil run function":                   worker.NewPeriodicWorker("period", time.Second, nil),
		"worker zero: interval 0s is not positive":          worker.NewPeriodicWorker("zero", 0, succeed),
		"worker less: interval -1s is not positive":         worker.NewPeriodicWorker("less", -time.Second, succeed),
		"worker more: interval jitter 1.5 is not in [0, 1]": worker.NewPeriodicWorker("more", time.Second, succeed, worker.WithIntervalJitter(1.5)),
		"worker nan: interval jitter NaN is not in [0, 1]":  worker.NewPeriodicWorker("nan", time.Second, succeed, worker.WithIntervalJitter(math.NaN())),
		"worker nil: periodic option 1 is nil":              worker.NewPeriodicWorker("nil", time.Second, succeed, nil),
		"worker p: periodic option 1: recovered panic: no":  worker.NewPeriodicWorker("p", time.Second, succeed, func(*worker.PeriodicWorker) { panic("no") }),
	} {
		_, err := worker.NewDefaultWorkerPoolFactory().Create(worker.WithWorker(w))
		require.EqualError(t, err, want)
	}
}

func TestFuncWorker(t *testing.T) {
	w := worker.NewFuncWorker("job", fail)
	assert.Equal(t, "job", w.Name())
	require.EqualError(t, w.Run(t.Context()), "boom")
}
