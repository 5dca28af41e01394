package jetstream_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/ankorstore/yokai/worker"
	workerjetstream "github.com/ankorstore/yokai/worker/jetstream"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// replicaEnv tells the test binary to be a replica: its value is a replicaConfig.
const replicaEnv = "JETSTREAM_TEST_REPLICA"

const (
	pinnedTTL   = 2 * time.Second
	soloWork    = 20 * time.Millisecond
	jobWork     = 2 * time.Millisecond
	concurrency = 16
)

type replicaConfig struct {
	URL string
	Dir string // where it records what it does
}

// replica is a process of its own.
type replica struct {
	dir     string
	process *exec.Cmd
}

func startReplica(t *testing.T, url string) *replica {
	t.Helper()

	binary, err := os.Executable()
	require.NoError(t, err)
	r := &replica{dir: t.TempDir(), process: exec.Command(binary)}
	config, err := json.Marshal(replicaConfig{URL: url, Dir: r.dir})
	require.NoError(t, err)
	r.process.Env = append(os.Environ(), replicaEnv+"="+string(config))
	r.process.Stderr = os.Stderr
	require.NoError(t, r.process.Start())
	t.Cleanup(func() {
		if r.process.ProcessState == nil {
			_ = r.process.Process.Kill()
			_ = r.process.Wait()
		}
	})

	return r
}

// kill ends the replica without any chance to do something about it.
func (r *replica) kill(t *testing.T) {
	t.Helper()

	require.NoError(t, r.process.Process.Kill())
	require.EqualError(t, r.process.Wait(), "signal: killed")
}

// stop asks the replica to end in order, and requires that it does.
func (r *replica) stop(t *testing.T) {
	t.Helper()

	require.NoError(t, r.process.Process.Signal(syscall.SIGTERM))
	require.NoError(t, r.process.Wait())
}

// replicaMain is the main of a replica: its exit status.
func replicaMain() int {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()

	var config replicaConfig
	err := json.Unmarshal([]byte(os.Getenv(replicaEnv)), &config)
	if err == nil {
		err = config.run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "replica:", err)
		return 1
	}

	return 0
}

func (c *replicaConfig) run(ctx context.Context) error {
	conn, err := nats.Connect(c.URL, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(2*time.Second))
	if err != nil {
		return err
	}
	jobs, err := c.jobs(ctx, js)
	if err != nil {
		return err
	}
	solo, err := c.solo(ctx, js)
	if err != nil {
		return err
	}
	pool, err := worker.NewDefaultWorkerPoolFactory().Create(
		worker.WithGlobalMaxExecutionsAttempts(worker.UnlimitedExecutionsAttempts),
		worker.WithWorker(jobs), worker.WithWorker(solo),
	)
	if err != nil {
		return err
	}

	return pool.Run(ctx)
}

// record opens a file whose lines survive the process, however that ends.
func (c *replicaConfig) record(name string) (*os.File, error) {
	return os.OpenFile(filepath.Join(c.Dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

// jobs records the messages that it has handled.
func (c *replicaConfig) jobs(ctx context.Context, js jetstream.JetStream) (worker.Worker, error) {
	file, err := c.record("jobs")
	if err != nil {
		return nil, err
	}
	consumer, err := js.Consumer(ctx, "JOBS", "c")
	if err != nil {
		return nil, err
	}

	return workerjetstream.NewConsumerWorker("jobs", consumer, func(_ context.Context, msg jetstream.Msg) error {
		<-time.After(jobWork)
		_, err := fmt.Fprintf(file, "%s\n", msg.Data())
		return err
	}, workerjetstream.WithConcurrency(concurrency), workerjetstream.WithDoubleAck()), nil
}

// solo records when it was active.
func (c *replicaConfig) solo(ctx context.Context, js jetstream.JetStream) (worker.Worker, error) {
	file, err := c.record("solo")
	if err != nil {
		return nil, err
	}
	consumer, err := js.Consumer(ctx, "SOLO", "solo")
	if err != nil {
		return nil, err
	}

	return workerjetstream.NewSingletonWorker("solo", consumer, "main", func(_ context.Context, msg jetstream.Msg) error {
		begin := time.Now()
		<-time.After(soloWork)
		_, err := fmt.Fprintf(file, "%s %d %d\n", msg.Data(), begin.UnixNano(), time.Now().UnixNano())
		return err
	}), nil
}
