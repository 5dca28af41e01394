package recipes_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	"github.com/ankorstore/yokai/worker/workerhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newServing serves traffic, and probes on a port of their own. stopDelay is how long it may take until no traffic comes any more.
func newServing(traffic, probes net.Listener, shop http.Handler, stopDelay time.Duration) *worker.WorkerPool {
	pool := worker.NewWorkerPool(
		worker.WithGlobalStopDelay(stopDelay),
		worker.WithGlobalStopTimeout(stopTimeout), // from the signal on, the delay included
		worker.WithWorker(newServer("shop", traffic, shop), worker.WithStopPoolOnFailure(), worker.WithStopTimeout(stopTimeout-stopDelay-time.Second)),
	)

	return pool.Register(worker.NewWorkerRegistration(
		newServer("probes", probes, workerhttp.NewHandler(pool)),
		worker.WithStopStage(1),
		worker.WithStopPoolOnFailure(),
	))
}

// A rolling stop of two replicas behind a Service, which goes on sending to one that is not ready for a second.
func TestRollingStop(t *testing.T) {
	for name, test := range map[string]struct {
		delay   time.Duration
		refused bool
	}{
		"without a delay": {0, true},
		"with a delay":    {2500 * time.Millisecond, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service := &service{}
			stop := service.add(t, test.delay)
			service.add(t, test.delay)

			ctx, cancel := context.WithCancel(t.Context())
			var clients sync.WaitGroup
			for range 4 {
				clients.Go(func() { service.send(ctx) })
			}
			require.Eventually(t, func() bool { return service.answered.Load() > 100 }, 10*time.Second, time.Millisecond)
			require.NoError(t, stop())
			answered := service.answered.Load()
			require.Eventually(t, func() bool { return service.answered.Load() > answered+100 }, 10*time.Second, time.Millisecond)
			cancel()
			clients.Wait()

			assert.Equal(t, test.refused, service.refused.Load() > 0, "%d refused", service.refused.Load())
		})
	}
}

// service sends each request to the next of its replicas.
type service struct {
	mu       sync.Mutex
	replicas []string
	next     int

	answered, refused atomic.Int64
}

// add adds a replica, until a second after it has said that it is not ready, and returns what stops it.
func (s *service) add(t *testing.T, delay time.Duration) (stop func() error) {
	traffic, probes := listen(t), listen(t)
	shop := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(time.Millisecond)
		fmt.Fprint(w, "sold")
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	pool := newServing(traffic, probes, shop, delay)
	go func() { ended <- pool.Run(ctx) }()

	url := "http://" + probes.Addr().String() + "/readyz"
	require.Eventually(t, func() bool { return get(url) == nil }, 10*time.Second, 10*time.Millisecond)
	address := "http://" + traffic.Addr().String()
	s.mu.Lock()
	s.replicas = append(s.replicas, address)
	s.mu.Unlock()

	removed := make(chan struct{})
	go func() {
		defer close(removed)
		for get(url) == nil {
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second) // until it is known everywhere
		s.mu.Lock()
		defer s.mu.Unlock()
		for i, other := range s.replicas {
			if other == address {
				s.replicas = append(s.replicas[:i], s.replicas[i+1:]...)
				break
			}
		}
	}()
	stop = sync.OnceValue(func() error {
		cancel()
		err := <-ended
		<-removed

		return err
	})
	t.Cleanup(func() { assert.NoError(t, stop()) })

	return stop
}

// send sends requests, each on a connection of its own, until ctx is done.
func (s *service) send(ctx context.Context) {
	for ctx.Err() == nil {
		s.mu.Lock()
		s.next++
		address := s.replicas[s.next%len(s.replicas)]
		s.mu.Unlock()

		if get(address) == nil {
			s.answered.Add(1)
		} else {
			s.refused.Add(1)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Millisecond)
	}
}

// get returns an error unless it gets an answer, and that is 200.
func get(url string) error {
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", response.Status)
	}

	return nil
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)

	return listener
}
